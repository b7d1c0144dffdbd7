import Logs
import Settings

/// What the topic's records say.
extension Examination {
  mutating func timestamps(
    _ topic: KafkaDescription.Topic, _ kafka: KafkaDescription, _ samples: [SetupDescription.Sample],
    _ readers: [SetupDescription.Topology], _ place: String
  ) {
    let setting = topic.settings?["message.timestamp.type"]
    guard readers.contains(where: { !$0.trustsProducerTime }) else {
      ok(
        .timestamps, place,
        readers.isEmpty
          ? "message.timestamp.type is \(setting ?? "not known")"
          : "producers' times are taken for append stamps, as `source.trust_producer_time` says")
      return
    }
    let produced = partitions(topic, samples, without: \.producerTimes) { !$0.isAppendTime }
    let unstamped = partitions(topic, samples, without: \.withoutStamp) { !$0.isAppendTime && !$0.carriesStamp }
    // Whoever trusts stamps that travel with records asks nothing of the topic as long as all have one.
    let stopping = readers.filter { reader in
      if reader.trustsProducerTime { return false }
      if reader.trustsStamps { return !unstamped.isEmpty }
      return setting == "CreateTime" || !produced.isEmpty
    }
    let alter = kafka.altering(topic.name, "message.timestamp.type=LogAppendTime")
    let carry =
      !produced.isEmpty && unstamped.isEmpty ? "\nor set `source: {trust_stamps: true}`: these records carry one" : ""
    let trust =
      "or set `source: {trust_producer_time: true}` in the topology, which gives it another meaning: \(rebuild)"
    let copy = "what is there keeps its producers' times: copy it into a new topic with LogAppendTime and name that"
    let names = stopping.map(\.name).joined(separator: ", ")
    if !stopping.isEmpty, setting == "CreateTime" {
      fail(
        .timestamps, place,
        "message.timestamp.type is CreateTime: producers stamp records as they like, and topology \(names) stops at the first",
        fix: alter + (produced.isEmpty ? "" : "\n" + copy) + "\n" + trust + carry)
    } else if !stopping.isEmpty {
      fail(
        .timestamps, place,
        "there are records stamped by their producers in \(Wording.partitions(produced)): topology \(names) stops at them",
        fix: (setting == nil ? alter + "\n" : "") + copy + "\n" + trust + carry)
    } else if !produced.isEmpty {
      ok(.timestamps, place, "the records seen carry their append stamps, as `source.trust_stamps` asks")
    } else if setting == nil, topic.partitions.allSatisfy({ $0.newest == nil }) {
      skip(.timestamps, place, "neither the topic's settings nor a record could be seen")
    } else {
      ok(.timestamps, place, "records are stamped by the brokers (LogAppendTime)")
    }
  }

  /// Partitions where a record is so, by what was seen of them.
  private func partitions(
    _ topic: KafkaDescription.Topic, _ samples: [SetupDescription.Sample],
    without count: KeyPath<SetupDescription.Sample, Int>, _ isSo: (KafkaDescription.RecordTime) -> Bool
  ) -> [Int] {
    topic.partitions.filter { partition in
      [partition.oldest, partition.newest].compactMap { $0 }.contains(where: isSo)
        || samples.contains { $0.partition == partition.number && $0[keyPath: count] > 0 }
    }.map(\.number)
  }

  mutating func samples(
    _ samples: [SetupDescription.Sample], _ topic: KafkaDescription.Topic, _ kafka: KafkaDescription, _ place: String
  ) {
    let records = samples.reduce(0) { $0 + $1.records }
    guard records > 0 else {
      if topic.partitions.contains(where: { ($0.end ?? 0) > ($0.start ?? 0) && $0.refusal == nil }) {
        skip(.placement, place, "no record could be read to look at keys and partitions")
      }
      return
    }
    placement(samples, records, topic, place)
    let without = samples.reduce(0) { $0 + $1.withoutKey }
    let other = samples.reduce(0) { $0 + $1.withOtherKey }
    if without + other > 0 {
      warn(
        .keys, place,
        "of the newest \(records) records, \(without) have no key and \(other) another key than their user: they are counted, but "
          + "other producers' partitioners cannot keep a user together",
        fix: "let producers set the message key to the user (user_id, or anonymous_id where that is missing)")
    } else {
      ok(.keys, place, "the keys of the newest \(records) records are their users")
    }
    let unusable = samples.reduce(0) { $0 + $1.unusable }
    if unusable > 0 {
      warn(
        .records, place, "of the newest \(records) records, \(unusable) cannot be used and go to quarantine",
        fix: "'millrace quarantine list' shows them with the reason")
    } else {
      ok(.records, place, "the newest \(records) records can be used")
    }
  }

  private mutating func placement(
    _ samples: [SetupDescription.Sample], _ records: Int, _ topic: KafkaDescription.Topic, _ place: String
  ) {
    let misplaced = samples.reduce(0) { $0 + $1.misplaced }
    guard misplaced > 0 else {
      ok(.placement, place, "the newest \(records) records are where murmur2 of their user puts them")
      return
    }
    let usable = max(1, records - samples.reduce(0) { $0 + $1.unusable })
    let percent = max(1, misplaced * 100 / usable)
    let which = samples.filter { $0.misplaced > 0 }.map(\.partition)
    fail(
      .placement, place,
      "of the newest \(usable) usable records, \(misplaced) (\(percent) %) in \(Wording.partitions(which)) are not where murmur2 "
        + "of their user modulo \(topic.partitions.count) puts them: they are quarantined as misplaced",
      fix:
        "producers key by user and use Kafka's own partitioner: `partitioner: murmur2_random` in librdkafka (its default is "
        + "consistent_random, which is CRC32), the default in Java; a partition count that was raised misplaces all that follows\n"
        + "for what is there: copy all records into a new topic by user, and name that in `source.topic`")
  }

  mutating func clock(_ topic: KafkaDescription.Topic, _ place: String) {
    var ahead: Int64?
    var behind: Int64?
    for time in topic.partitions.compactMap(\.newest) where time.isAppendTime {
      ahead = max(ahead ?? .min, time.milliseconds - time.appendedBefore)
      if let after = time.appendedAfter { behind = max(behind ?? .min, after - time.milliseconds) }
    }
    guard let ahead else {
      if topic.partitions.contains(where: { $0.newest != nil }) {
        skip(.clock, place, "no record has a broker's stamp to compare this machine's clock with")
      }
      return
    }
    let fix = "chronyc tracking, or timedatectl status, here and on the brokers: whichever is wrong must be set right"
    // Seconds do no harm: stamps are the brokers' alone. Hours would make `freshness` and what is future nonsense.
    let difference = max(ahead, behind ?? 0)
    let text =
      ahead >= behind ?? 0
      ? "the brokers' stamps are \(Wording.span(ahead)) ahead of"
      : "the brokers' stamps are \(Wording.span(behind ?? 0)) behind"
    if difference > 3_600_000 {
      fail(
        .clock, place, "\(text) this machine's clock: answers say they are fresh or stale when they are not", fix: fix)
    } else if difference > 5_000 {
      warn(.clock, place, "\(text) this machine's clock", fix: fix)
    } else if behind == nil {
      ok(
        .clock, place,
        "no stamp is ahead of this machine's clock; whether it is ahead itself shows only while records arrive")
    } else {
      ok(.clock, place, "stamps of records that arrived meanwhile agree with this machine's clock")
    }
  }
}
