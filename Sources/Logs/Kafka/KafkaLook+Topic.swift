import Basics
import CRdKafka

/// What is asked about one topic.
extension KafkaLook {
  /// - `sample`: how many of the newest records of each partition are handed to `each`.
  public func look(topic name: String, sample: Int, _ each: (Record) -> Void) {
    var topic = KafkaDescription.Topic(name: name)
    defer { add(topic) }
    guard describe(&topic) else { return }
    let askedAt = bounds(&topic)
    settings(&topic)
    records(&topic, sample: sample, askedAt: askedAt, each)
  }

  /// False when there is nothing more to be asked.
  private func describe(_ topic: inout KafkaDescription.Topic) -> Bool {
    guard let handle = rd_kafka_topic_new(handle, topic.name, nil) else {
      topic.refusal = KafkaLook.refusal(rd_kafka_last_error())
      return false
    }
    defer { rd_kafka_topic_destroy(handle) }
    var metadata: UnsafePointer<rd_kafka_metadata>?
    let code = rd_kafka_metadata(self.handle, 0, handle, &metadata, askMilliseconds)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let found = metadata else {
      topic.refusal = KafkaLook.refusal(code)
      return false
    }
    defer { rd_kafka_metadata_destroy(found) }
    guard found.pointee.topic_cnt == 1 else {
      topic.isKnown = false
      return false
    }
    let described = found.pointee.topics[0]
    switch described.err {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION: topic.isKnown = false
    // A partition without a leader is said of that partition.
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE where described.partition_cnt > 0: break
    default: topic.refusal = KafkaLook.refusal(described.err)
    }
    guard topic.isKnown, topic.refusal == nil else { return false }
    for index in 0..<Int(described.partition_cnt) {
      let found = described.partitions[index]
      var partition = KafkaDescription.Partition(number: Int(found.id))
      partition.hasLeader = found.leader >= 0
      partition.replicas = Int(found.replica_cnt)
      partition.replicasInSync = Int(found.isr_cnt)
      topic.partitions.append(partition)
    }
    topic.partitions.sort { $0.number < $1.number }
    return true
  }

  /// Returns when it began to ask, by this machine's clock: what stands behind the ends it found was appended later.
  private func bounds(_ topic: inout KafkaDescription.Topic) -> Int64 {
    let askedAt = ClockGuard.wallMilliseconds()
    for index in topic.partitions.indices where topic.partitions[index].hasLeader {
      switch end(topic.name, topic.partitions[index].number) {
      case .success(let bounds):
        topic.partitions[index].start = bounds.low
        topic.partitions[index].end = bounds.high
      case .failure(let refusal): topic.partitions[index].refusal = refusal.refusal
      }
    }
    return askedAt
  }

  struct Refused: Error { var refusal: KafkaDescription.Refusal }

  func end(_ topic: String, _ partition: Int) -> Result<(low: Int64, high: Int64), Refused> {
    var low: Int64 = 0
    var high: Int64 = 0
    let code = rd_kafka_query_watermark_offsets(
      handle, topic, Int32(partition), &low, &high, askMilliseconds)
    if let refusal = KafkaLook.refusal(code) { return .failure(Refused(refusal: refusal)) }
    return .success((low, high))
  }

  private func records(
    _ topic: inout KafkaDescription.Topic, sample: Int, askedAt: Int64, _ each: (Record) -> Void
  ) {
    let filled = topic.partitions.filter { ($0.end ?? 0) > ($0.start ?? 0) }
    var oldest: [Int: KafkaDescription.RecordTime] = [:]
    var newest: [Int: KafkaDescription.RecordTime] = [:]
    var refused: [Int: KafkaDescription.Refusal] = [:]
    func time(_ message: Fetched, appendedAfter: Int64?) -> KafkaDescription.RecordTime {
      .init(
        milliseconds: message.time, isAppendTime: message.record.isAppendTime,
        carriesStamp: message.record.carriesStamp,
        appendedAfter: appendedAfter, appendedBefore: ClockGuard.wallMilliseconds())
    }
    refused = fetch(topic.name, from: filled.map { ($0.number, $0.start!) }, count: 1) { message in
      oldest[message.record.partition] = time(message, appendedAfter: nil)
    }
    let readable = filled.filter { refused[$0.number] == nil }
    refused.merge(
      fetch(
        topic.name, from: readable.map { ($0.number, max($0.start!, $0.end! - Int64(sample))) }, count: sample
      ) { message in
        newest[message.record.partition] = time(message, appendedAfter: nil)
        each(message.record)
      }
    ) { first, _ in first }
    // What arrived while we looked has a stamp between the clock's two readings, if clocks agree.
    let grown = readable.compactMap { partition -> (Int, Int64)? in
      guard refused[partition.number] == nil, case .success(let now) = end(topic.name, partition.number),
        now.high > partition.end!
      else { return nil }
      return (partition.number, now.high - 1)
    }
    _ = fetch(topic.name, from: grown, count: 1) { message in
      newest[message.record.partition] = time(message, appendedAfter: askedAt)
    }
    for index in topic.partitions.indices {
      let number = topic.partitions[index].number
      topic.partitions[index].oldest = oldest[number]
      topic.partitions[index].newest = newest[number]
      topic.partitions[index].refusal = topic.partitions[index].refusal ?? refused[number]
    }
  }

  /// Compares the last record read with what now stands in its place. Positions without one, or whose record retention has
  /// removed, are left out.
  public func readBack(topic name: String, _ positions: [(partition: Int, position: LogPosition)]) -> [Int: ReadBack] {
    guard let topic = description.topics.first(where: { $0.name == name }) else { return [:] }
    let asked = positions.filter { asked in
      let last = asked.position.offset - Int64(asked.position.file)
      guard asked.position.file > 0, let partition = topic.partitions.first(where: { $0.number == asked.partition }),
        let start = partition.start, let end = partition.end
      else { return false }
      return partition.refusal == nil && last >= start && last < end
    }
    var found: [Int: ReadBack] = [:]
    let refused = fetch(
      name, from: asked.map { ($0.partition, $0.position.offset - Int64($0.position.file)) }, count: 1
    ) { message in
      let position = asked.first { $0.partition == message.record.partition }!.position
      let last = position.offset - Int64(position.file)
      if message.offset != last {
        found[message.record.partition] = .different(
          "the record at offset \(last) is gone, and \(message.offset) comes next")
      } else if UInt64(Checksum.crc32c(message.record.value)) != position.check {
        found[message.record.partition] = .different("another record stands at offset \(last)")
      } else {
        found[message.record.partition] = .same
      }
    }
    for (partition, refusal) in refused { found[partition] = .failed(refusal.message) }
    return found
  }
}
