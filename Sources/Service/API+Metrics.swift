import Basics
import Collector
import Dataflow
import Runtime

extension API {
  private typealias Labels = [(name: String, value: String)]

  /// What one scrape shows: looked at once, so that the families agree with each other.
  private struct Scrape {
    var labels: Labels
    var partitions: [(labels: Labels, status: PartitionStatus)]
    var stateBytes: Int
    var freshnessSeconds: Int64?
  }

  func metrics() throws(Failure) -> Response {
    var all: [Scrape] = []
    for topology in node.topologies { all.append(try scrape(topology)) }
    var text = PrometheusText()
    records(all, &text)
    partitions(all, &text)
    topologies(all, &text)
    try replays(&text)
    verifications(&text)
    collecting(&text)
    answered(&text)
    process(&text)
    return Response(200, PrometheusText.contentType, text.text)
  }

  private func scrape(_ topology: LiveTopology) throws(Failure) -> Scrape {
    let name = topology.generation.topology.name
    return Scrape(
      labels: [("topology", name)],
      partitions: statuses(topology).map { ([("topology", name), ("partition", String($0.partition))], $0) },
      stateBytes: topology.stateBytes, freshnessSeconds: try topology.reading().freshnessSeconds)
  }

  /// What became of every record: read = counted + duplicates + late + quarantined.
  private func records(_ all: [Scrape], _ text: inout PrometheusText) {
    let counters: [(name: String, help: String, value: (Ledger) -> Int64)] = [
      ("read", "Records read from the log.", { $0.read }),
      ("counted", "Records whose events are in the numbers.", { $0.counted }),
      ("duplicates", "Records whose event had been counted before.", { $0.duplicates }),
      ("late", "Records older than the horizon allows.", { $0.late }),
    ]
    for counter in counters {
      text.family("millrace_records_\(counter.name)_total", .counter, counter.help)
      each(all, &text) { counter.value($0.ledger) }
    }
    text.family("millrace_records_quarantined_total", .counter, "Records that could not be used.")
    for (labels, status) in all.flatMap(\.partitions) {
      for (reason, count) in QuarantineReason.counts(status.ledger) {
        text.sample(count, labels + [("reason", reason)])
      }
    }
    text.family(
      "millrace_collisions_total", .counter,
      "Duplicates whose type or time differ from the event counted under their id.")
    each(all, &text) { $0.ledger.collisions }
  }

  private func partitions(_ all: [Scrape], _ text: inout PrometheusText) {
    text.family("millrace_partition_up", .gauge, "1 while the partition is worked on, 0 when a failure stopped it.")
    each(all, &text) { $0.isHere ? $0.failure == nil ? 1 : 0 : nil }
    text.family("millrace_partition_assigned", .gauge, "1 while the partition is this instance's.")
    each(all, &text) { $0.isHere ? 1 : 0 }
    text.family("millrace_partition_offset", .gauge, "The next offset to be read.")
    each(all, &text) { $0.offset }
    text.family("millrace_partition_end_offset", .gauge, "The offset after the log's last readable record.")
    each(all, &text) { $0.endOffset }
    text.family("millrace_partition_lag_records", .gauge, "Records between the two.")
    each(all, &text) { $0.lag }
    text.family("millrace_partition_memory_bytes", .gauge, "Memory of the partition's operators.")
    each(all, &text) { Int64($0.memoryBytes) }
    outputs(all, &text)
  }

  private func outputs(_ all: [Scrape], _ text: inout PrometheusText) {
    guard all.contains(where: { $0.partitions.contains { $0.status.outputs != nil } }) else { return }
    text.family("millrace_sink_records_total", .counter, "Records of outputs that Kafka has taken.")
    each(all, &text) { $0.outputs?.records }
    text.family("millrace_sink_bytes_total", .counter, "Bytes of their keys and values.")
    each(all, &text) { $0.outputs?.bytes }
    text.family("millrace_sink_pending", .gauge, "Records of outputs without an acknowledgement yet.")
    each(all, &text) { $0.outputs.map { Int64($0.pending) } }
    text.family("millrace_sink_errors_total", .counter, "Times the outputs of a commit had to be written again.")
    each(all, &text) { $0.outputs?.errors }
    text.family("millrace_sink_waiting", .gauge, "1 while the outputs of the last commit are not all taken.")
    each(all, &text) { $0.outputs.map { $0.waitingSince == nil ? 0 : 1 } }
  }

  private func topologies(_ all: [Scrape], _ text: inout PrometheusText) {
    text.family("millrace_state_bytes", .gauge, "State of the topology on disk.")
    for scrape in all { text.sample(scrape.stateBytes, scrape.labels) }
    text.family("millrace_freshness_seconds", .gauge, "Age of the newest time up to which answers are complete.")
    for scrape in all {
      if let seconds = scrape.freshnessSeconds { text.sample(seconds, scrape.labels) }
    }
  }

  private func replays(_ text: inout PrometheusText) throws(Failure) {
    var all: [(labels: Labels, progress: ReplayProgress)] = []
    for served in node.served {
      for replay in try served.replays() {
        all.append(([("topology", served.name), ("generation", String(replay.listed.number))], replay))
      }
    }
    guard !all.isEmpty else { return }
    text.family(
      "millrace_replay_progress_ratio", .gauge, "How much of the log a generation that is built has read, up to 1.")
    for replay in all { text.sample(number: ReplayText.ratio(replay.progress), replay.labels) }
    text.family("millrace_replay_events", .gauge, "Records it has read.")
    for replay in all { text.sample(replay.progress.done, replay.labels) }
    text.family("millrace_replay_lag_records", .gauge, "Records between there and the log's end.")
    for replay in all { text.sample(replay.progress.lag, replay.labels) }
    text.family("millrace_replay_held_up", .gauge, "1 while it waits, since what is served is behind.")
    for replay in all { text.sample(replay.progress.isHeld ? 1 : 0, replay.labels) }
  }

  private func verifications(_ text: inout PrometheusText) {
    let all = node.served.compactMap { served in
      served.lastVerification.map { (labels: [("topology", served.name)] as Labels, last: $0) }
    }
    guard !all.isEmpty else { return }
    text.family("millrace_verify_timestamp_seconds", .gauge, "When what is served was last rebuilt and compared.")
    for (labels, last) in all { text.sample(last.finishedAt / 1_000, labels) }
    text.family("millrace_verify_cells", .gauge, "Cells compared then.")
    for (labels, last) in all { text.sample(last.result.cells, labels) }
    text.family(
      "millrace_verify_differing_cells", .gauge, "Cells that were not what the log gives; 0, or tell somebody.")
    for (labels, last) in all { text.sample(last.result.differingCells, labels) }
  }

  private func collecting(_ text: inout PrometheusText) {
    guard let collector else { return }
    text.family("millrace_collected_events_total", .counter, "Events that were taken and are durable.")
    text.sample(collector.counts.taken)
    text.family("millrace_collected_events_refused_total", .counter, "Events that were refused and named.")
    text.sample(collector.counts.refused)
    text.family("millrace_collect_in_flight_bytes", .gauge, "Bytes received and not yet durable.")
    text.sample(collector.bytesInFlight)
    clocks(
      collector.clocks.sent, "millrace_collect_clock_offset_seconds",
      "Time of arrival minus what the sender said was the time of sending; negative when its clock is ahead.", &text)
    clocks(
      collector.clocks.events, "millrace_collect_event_age_seconds", "Time of arrival minus an event's own time.", &text
    )
  }

  private func clocks(
    _ distribution: ClientClocks.Distribution, _ name: String, _ help: String, _ text: inout PrometheusText
  ) {
    text.family(name, .histogram, help)
    text.histogram(
      bounds: ClientClocks.Distribution.bounds.map { PrometheusText.seconds(milliseconds: Int128($0)) },
      counts: distribution.counts, sum: PrometheusText.seconds(milliseconds: distribution.sum))
  }

  private func answered(_ text: inout PrometheusText) {
    let lanes = responses.all
    guard !lanes.isEmpty else { return }
    text.family("millrace_http_responses_total", .counter, "Requests answered, by what they were about and the status.")
    for (name, lane) in lanes {
      for (status, count) in lane.statuses.sorted(by: { $0.key < $1.key }) {
        text.sample(count, [("lane", name), ("code", String(status))])
      }
    }
    text.family(
      "millrace_http_request_duration_seconds", .histogram, "From a request's head to its answer, its body in between.")
    for (name, lane) in lanes {
      text.histogram(
        bounds: ResponseCounts.bounds.map { PrometheusText.seconds(milliseconds: Int128($0)) }, counts: lane.times,
        sum: PrometheusText.seconds(milliseconds: Int128(lane.milliseconds)), [("lane", name)])
    }
  }

  private func process(_ text: inout PrometheusText) {
    if let log = node.embedded {
      let space = log.diskSpace
      text.family("millrace_log_bytes", .gauge, "Size of the embedded log.")
      text.sample(log.byteCount)
      text.family("millrace_log_disk_free_bytes", .gauge, "Free space of the log's file system.")
      text.sample(space.free)
      text.family("millrace_log_disk_size_bytes", .gauge, "Size of the log's file system.")
      text.sample(space.total)
    }
    kafka(&text)
    text.family("millrace_memory_budget_bytes", .gauge, "Memory the process was told to keep to.")
    text.sample(node.budget.bytes)
    text.family("millrace_block_cache_bytes", .gauge, "Memory in the stores' shared block cache.")
    text.sample(node.budget.cacheBytes)
    text.family("millrace_ready", .gauge, "1 once every topology has reached the end that its log had at the start.")
    text.sample(node.isReady ? 1 : 0)
    if let resident = ProcessMemory.residentBytes {
      text.family("process_resident_memory_bytes", .gauge, "Resident memory of the process.")
      text.sample(resident)
    }
    text.family("process_start_time_seconds", .gauge, "When the process started, seconds since 1970.")
    text.sample(node.startedAt / 1_000)
    text.family("millrace_build_info", .gauge, "Always 1; the label is the program's version.")
    text.sample(1, [("version", version), ("semantics", String(Semantics.number))])
  }

  private func kafka(_ text: inout PrometheusText) {
    let logs = node.topologies.compactMap { live in
      live.brokers.map { (labels: [("topology", live.generation.topology.name)], health: $0) }
    }
    guard !logs.isEmpty else { return }
    text.family("millrace_kafka_brokers_up", .gauge, "Brokers the topology's consumer is connected to.")
    for log in logs { text.sample(log.health.up, log.labels) }
    text.family("millrace_kafka_away", .gauge, "1 while no broker is reached.")
    for log in logs { text.sample(log.health.awaySince == nil ? 0 : 1, log.labels) }
    text.family(
      "millrace_kafka_key_warnings_total", .counter, "Records without a key, or with one of another partition.")
    for log in logs { text.sample(log.health.keyWarnings, log.labels) }
  }

  /// A sample of the family begun for each partition that has the value.
  private func each(_ all: [Scrape], _ text: inout PrometheusText, _ value: (PartitionStatus) -> Int64?) {
    for (labels, status) in all.flatMap(\.partitions) {
      if let value = value(status) { text.sample(value, labels) }
    }
  }
}
