import Basics
import CRdKafka

/// Single records of a topic.
extension KafkaLook {
  struct Fetched {
    var record: Record
    var offset: Int64
    var time: Int64
  }

  private static let fetchMilliseconds: Int64 = 10_000

  /// Reads up to `count` records of each partition from an offset on, or to its end.
  ///
  /// - Returns: partitions that did not get there, and why.
  func fetch(
    _ topic: String, from starts: [(partition: Int, offset: Int64)], count: Int, _ each: (Fetched) -> Void
  ) -> [Int: KafkaDescription.Refusal] {
    guard !starts.isEmpty, count > 0 else { return [:] }
    let list = KafkaPartitions(topic: topic)
    for start in starts { list.add(start.partition, offset: start.offset) }
    let code = rd_kafka_assign(handle, list.list)
    defer {
      // A pause outlives the assignment it was asked in.
      rd_kafka_resume_partitions(handle, list.list)
      rd_kafka_assign(handle, nil)
      serve()
    }
    if let refusal = KafkaLook.refusal(code) {
      return Dictionary(uniqueKeysWithValues: starts.map { ($0.partition, refusal) })
    }
    var left = Dictionary(uniqueKeysWithValues: starts.map { ($0.partition, count) })
    var refused: [Int: KafkaDescription.Refusal] = [:]
    let deadline = ClockGuard.monotonicMilliseconds() + KafkaLook.fetchMilliseconds
    while !left.isEmpty, ClockGuard.monotonicMilliseconds() < deadline {
      guard let message = rd_kafka_consumer_poll(handle, 100) else { continue }
      defer { rd_kafka_message_destroy(message) }
      let partition = Int(message.pointee.partition)
      guard let remaining = left[partition] else { continue }
      guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
        left[partition] = nil
        if message.pointee.err != RD_KAFKA_RESP_ERR__PARTITION_EOF {
          refused[partition] = KafkaLook.refusal(message.pointee.err)
        }
        continue
      }
      each(KafkaLook.fetched(message))
      left[partition] = remaining > 1 ? remaining - 1 : nil
      // Or a busy partition fills the queue with what nobody wants, while others wait.
      if remaining == 1 {
        let done = KafkaPartitions(topic: topic, [partition])
        rd_kafka_pause_partitions(handle, done.list)
      }
    }
    for partition in left.keys {
      refused[partition] = .init(
        isDenied: false, message: errors.last ?? "nothing came within \(KafkaLook.fetchMilliseconds / 1_000) s")
    }
    return refused
  }

  private static func fetched(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> Fetched {
    var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
    let time = rd_kafka_message_timestamp(message, &kind)
    var headers: OpaquePointer?
    var carriesStamp = false
    if rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR {
      var value: UnsafeRawPointer?
      var count = 0
      carriesStamp =
        rd_kafka_header_get_last(headers, "millrace-appended-at", &value, &count) == RD_KAFKA_RESP_ERR_NO_ERROR
    }
    let record = Record(
      partition: Int(message.pointee.partition),
      key: message.pointee.key.map { UnsafeRawBufferPointer(start: $0, count: message.pointee.key_len) },
      value: UnsafeRawBufferPointer(start: message.pointee.payload, count: message.pointee.len),
      isAppendTime: kind == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME, carriesStamp: carriesStamp)
    return Fetched(record: record, offset: message.pointee.offset, time: time)
  }
}
