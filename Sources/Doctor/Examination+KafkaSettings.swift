import Logs
import Settings

/// What the topic's own settings say.
extension Examination {
  /// The most bytes a record may have, and room for what Kafka keeps with it.
  private static let recordBytes: Int64 = 64 << 10
  private static let overhead: Int64 = 1 << 10
  /// What one produce request of ours may have: librdkafka's `message.max.bytes`.
  private static let requestBytes: Int64 = 1_000_000

  mutating func settings(
    _ topic: KafkaDescription.Topic, _ kafka: KafkaDescription, _ readers: [SetupDescription.Topology], _ place: String
  ) {
    guard let settings = topic.settings else {
      let refusal = topic.settingsRefusal
      let skipped = "retention, cleanup.policy, max.message.bytes, min.insync.replicas, unclean.leader.election.enable"
      skip(
        .retention, place,
        "the topic's settings were not told (\(refusal?.message ?? "not asked")), so not looked at: \(skipped)",
        fix: refusal?.isDenied == true ? kafka.allowing("--operation DescribeConfigs --topic \(topic.name)") : nil)
      return
    }
    let change = { kafka.altering(topic.name, $0) }
    if let text = settings["retention.ms"], let age = Int64(text) {
      retention(age: age < 0 ? nil : age, setting: "retention.ms", readers, place) {
        change("retention.ms=\($0.map { "\($0)" } ?? "-1")")
      }
    }
    if let text = settings["retention.bytes"], let bytes = Int64(text), bytes >= 0 {
      bounded(topic, bytes, readers, place, fix: change("retention.bytes=-1"))
    }
    cleanup(settings, place, fix: change("cleanup.policy=delete"))
    recordSize(settings, place, change)
    if settings["unclean.leader.election.enable"] == "true" {
      fail(
        .elections, place,
        "unclean.leader.election.enable is true: a broker that missed records may become leader, and then states know records that "
          + "the log has not", fix: change("unclean.leader.election.enable=false"))
    } else if settings["unclean.leader.election.enable"] != nil {
      ok(.elections, place, "only replicas in sync become leaders")
    }
    writes(topic, settings, place, change)
  }

  /// A limit in bytes is a limit in time that depends on the load.
  private mutating func bounded(
    _ topic: KafkaDescription.Topic, _ bytes: Int64, _ readers: [SetupDescription.Topology], _ place: String,
    fix: String
  ) {
    let longest = readers.contains { $0.longestRetention == nil } ? nil : readers.compactMap(\.longestRetention).max()
    let cut = topic.partitions.filter { ($0.start ?? 0) > 0 }
    let reach = cut.compactMap { $0.oldest?.milliseconds }.max().map {
      ", now \(Wording.span(max(0, setup.now - $0))),"
    }
    let text =
      "retention.bytes keeps the newest \(Wording.size(bytes)) of a partition:\(reach.map { String($0.dropFirst()) } ?? "") a shorter time the more comes in"
    for reader in readers {
      guard let oldest = cut.compactMap({ $0.oldest?.milliseconds }).max(), setup.now - oldest < leastHistory(reader)
      else {
        continue
      }
      fail(
        .retention, place, "\(text), and topology \(reader.name) needs \(Wording.need(leastHistory(reader)))", fix: fix)
      return
    }
    warn(
      .retention, place, "\(text), while views are kept \(Wording.retention(longest))", fix: fix)
  }

  private mutating func cleanup(_ settings: [String: String], _ place: String, fix: String) {
    guard let policy = settings["cleanup.policy"] else { return }
    if policy.contains("compact") {
      fail(
        .cleanup, place,
        "cleanup.policy is \(policy): compaction removes all but the last event of a user, so a replay counts less than was counted",
        fix: fix)
    } else {
      ok(.cleanup, place, "cleanup.policy is \(policy)")
    }
  }

  private mutating func recordSize(_ settings: [String: String], _ place: String, _ change: (String) -> String) {
    guard let text = settings["max.message.bytes"], let bytes = Int64(text) else { return }
    let fix = change("max.message.bytes=1048588")
    if bytes < Examination.recordBytes + Examination.overhead {
      fail(
        .recordSize, place,
        "max.message.bytes is \(bytes): events of up to 64 KiB are valid, and the larger ones are refused by the broker",
        fix: fix)
    } else if bytes < Examination.requestBytes {
      warn(
        .recordSize, place,
        "max.message.bytes is \(bytes), and a batch of ours may have \(Examination.requestBytes): full batches are refused",
        fix: fix + "; or set `log: {kafka: {properties: {message.max.bytes: \(bytes - Examination.overhead)}}}`")
    } else {
      ok(.recordSize, place, "max.message.bytes is \(bytes); records over 64 KiB are quarantined as too large")
    }
  }

  /// Whether a write outlives a broker, and whether it goes on without one.
  private mutating func writes(
    _ topic: KafkaDescription.Topic, _ settings: [String: String], _ place: String, _ change: (String) -> String
  ) {
    guard let text = settings["min.insync.replicas"], let least = Int(text) else { return }
    let replicas = topic.partitions.map(\.replicas).min() ?? 0
    guard replicas > 1 else { return }
    if least > replicas {
      fail(
        .replication, place,
        "min.insync.replicas is \(least) and there are \(replicas) replicas: every write is refused (acks=all)",
        fix: change("min.insync.replicas=\(replicas - 1)"))
    } else if least == replicas {
      warn(
        .replication, place,
        "min.insync.replicas is \(least), as many as there are replicas: one broker away, and writes are refused",
        fix: change("min.insync.replicas=\(replicas - 1)"))
    } else if least == 1 {
      warn(
        .replication, place,
        "min.insync.replicas is 1: an acknowledged event may be on one broker only, and go with it",
        fix: change("min.insync.replicas=2"))
    } else {
      ok(.replication, place, "\(replicas) replicas, of which \(least) have every acknowledged event")
    }
  }

  mutating func replication(_ topic: KafkaDescription.Topic, _ kafka: KafkaDescription, _ place: String) {
    let single = topic.partitions.filter { $0.replicas == 1 }
    guard !single.isEmpty else { return }
    warn(
      .replication, place,
      "\(Wording.partitions(single.map(\.number))) have one replica: the log is lost with that broker's disk",
      fix: kafka.brokerCount == 1
        ? "add brokers, then: kafka-reassign-partitions.sh \(kafka.connection) --reassignment-json-file FILE --execute, with 3 replicas "
          + "for each partition"
        : "kafka-reassign-partitions.sh \(kafka.connection) --reassignment-json-file FILE --execute, with 3 replicas for each partition"
    )
  }
}
