import Basics
import CRdKafka

/// What a message means that is not simply the next record.
extension KafkaReader {
  private static let askMilliseconds: Int32 = 1_000
  private static let silenceMilliseconds: Int64 = 5_000
  /// The year 9999: a stamp beyond is none, since everything after it would be late.
  private static let largestStamp: Int64 = 253_402_300_799_999

  /// The end was seen, and the leader would have told of more.
  var isAtEnd: Bool {
    guard !isToReadBack, doubt == nil else { return false }
    guard position.offset < bound else { return true }
    if let seen = endSeenAt, ClockGuard.monotonicMilliseconds() - seen < KafkaReader.silenceMilliseconds { return true }
    guard consumer.events.isAnswering(partition: partition) else { return false }
    if endSeenAt != nil { return true }
    // Where records never stop coming, the end is told with each fetch instead.
    return hasFetched && consumer.lastEnd(partition).map { $0 <= position.offset } ?? false
  }

  /// The end of the partition, or an error.
  func take(event message: UnsafeMutablePointer<rd_kafka_message_t>) {
    let words = rd_kafka_message_errstr(message).map { String(cString: $0) } ?? KafkaText.of(message.pointee.err)
    switch message.pointee.err {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      reachEnd(at: message.pointee.offset)
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      doubt = KafkaDoubt(words: words, hasStopped: true)
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
      RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,
      RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, RD_KAFKA_RESP_ERR_UNKNOWN,
      RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__TIMED_OUT,
      RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      // librdkafka goes on trying. Whether the topic is gone its statistics tell, when no broker has known it for a while.
      consumer.events.note("\(name): \(words)")
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
      failure = .invalid(
        "\(name): the record at offset \(position.offset) or behind does not fit (\(words)): raise receive.message.max.bytes "
          + "and message.max.bytes in log.kafka.properties")
    default:
      // Whatever it is, librdkafka may go on behind it, and then a record would be missing from the numbers.
      failure = .corrupt(
        "\(name): cannot be read at offset \(position.offset) or behind: \(words); restore the partition from a replica, or "
          + "start again behind the damage")
    }
  }

  private func reachEnd(at offset: Int64) {
    if isToReadBack {
      if offset < position.offset {
        doubt = KafkaDoubt(words: "the partition ends at offset \(offset)", hasStopped: false)
      } else {
        failure = missing
      }
      return
    }
    endSeenAt = ClockGuard.monotonicMilliseconds()
    pass(to: min(offset, bound))
  }

  /// Only transaction markers, or what compaction removed, stand between the last record and this offset.
  func pass(to offset: Int64) {
    guard offset > position.offset else { return }
    if position.file > 0 {
      let distance = Int64(position.file) + offset - position.offset
      guard distance <= Int64(UInt32.max) else { return }
      position.file = UInt32(distance)
    }
    position.offset = offset
  }

  /// Compares the record that was read last with what now stands in its place.
  func readBack(_ offset: Int64, _ value: UnsafeRawBufferPointer) {
    guard offset == lastOffset else {
      failure = missing
      return
    }
    guard UInt64(Checksum.crc32c(value)) == position.check else {
      failure = .corrupt(
        "\(name): the record at offset \(offset) is not the one last read: the topic was created anew, or lost its tail when a "
          + "broker that lagged behind became its leader; start the state again from the beginning, or bring back the log it "
          + "was made from")
      return
    }
    isToReadBack = false
  }

  private var lastOffset: Int64 { position.offset - Int64(position.file) }

  private var missing: Failure {
    .corrupt(
      "\(name): the record at offset \(lastOffset), the last one read, is no longer there, so nobody can tell whether this is "
        + "the log the state was made from: the topic was created anew, lost its tail, or is compacted (cleanup.policy must "
        + "be delete); start the state again from the beginning, or bring back the log it was made from")
  }

  /// Asks for the bounds of the partition and decides what an offset outside of them means.
  func settleDoubt() {
    guard let doubt, ClockGuard.monotonicMilliseconds() >= doubt.mayAskAt else { return }
    let bounds: (low: Int64, high: Int64)
    do throws(Failure) {
      bounds = try consumer.bounds(partition, milliseconds: KafkaReader.askMilliseconds)
    } catch {
      consumer.events.note(error.message)
      self.doubt!.mayAskAt = ClockGuard.monotonicMilliseconds() + Int64(KafkaReader.askMilliseconds)
      return
    }
    if bounds.low > position.offset {
      failure = .corrupt(
        "\(name): retention has removed the records from offset \(position.offset) to \(bounds.low - 1), which were not yet "
          + "read; the topic now has \(bounds.low) to \(bounds.high): restore a checkpoint that is newer, start the state "
          + "again from \(bounds.low) (its history will be incomplete), or bring the records back; and raise retention.ms"
      )
    } else if bounds.high < position.offset {
      failure = .corrupt(
        "\(name): ends at offset \(bounds.high), but reading is to go on at \(position.offset): the topic was created anew, or "
          + "lost its tail when a broker that lagged behind became its leader; start the state again from the beginning, or "
          + "bring back the log it was made from")
    } else {
      consumer.events.note("\(name): \(doubt.words)")
      self.doubt = nil
      // Retention took the last record read, and nothing that was not: it cannot be compared any more.
      if isToReadBack, bounds.low > lastOffset { isToReadBack = false }
      if doubt.hasStopped { restartAt = isToReadBack ? lastOffset : position.offset }
    }
  }

  /// The stamp of a record; nil, with a failure, when it has none that may be believed.
  func stamp(of message: UnsafeMutablePointer<rd_kafka_message_t>) -> Int64? {
    if stamping.trustsHeader, let stamp = header(of: message) { return max(position.byte, stamp) }
    var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
    let time = rd_kafka_message_timestamp(message, &kind)
    if kind == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME
      || (kind == RD_KAFKA_TIMESTAMP_CREATE_TIME && stamping.trustsProducerTime)
    {
      return max(position.byte, min(time, KafkaReader.largestStamp))
    }
    let topic = consumer.topic
    failure = .invalid(
      "\(name): the record at offset \(message.pointee.offset) has no append time, but "
        + (kind == RD_KAFKA_TIMESTAMP_CREATE_TIME ? "the producer's" : "none at all")
        + ": run kafka-configs --alter --topic \(topic) --add-config message.timestamp.type=LogAppendTime, and copy what is "
        + "already written to a new topic or start behind it; or set source.trust_producer_time: true in the topology")
    return nil
  }

  private func header(of message: UnsafeMutablePointer<rd_kafka_message_t>) -> Int64? {
    var headers: OpaquePointer?
    guard rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
    var value: UnsafeRawPointer?
    var count = 0
    guard rd_kafka_header_get_last(headers, "millrace-appended-at", &value, &count) == RD_KAFKA_RESP_ERR_NO_ERROR,
      let value, (1...15).contains(count)
    else { return nil }
    var stamp: Int64 = 0
    for digit in UnsafeRawBufferPointer(start: value, count: count) {
      guard (48...57).contains(digit) else { return nil }
      stamp = stamp * 10 + Int64(digit - 48)
    }
    return stamp <= KafkaReader.largestStamp ? stamp : nil
  }

  /// The key is only a hint of the partition; the user in the value decides.
  func noteKey(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
    guard let key = message.pointee.key,
      kafka_partition(key, message.pointee.key_len, partitionCount) == Int32(partition)
    else {
      keyWarnings += 1
      return
    }
  }
}
