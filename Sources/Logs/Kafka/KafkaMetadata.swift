import Basics
import CRdKafka

/// What brokers say of a topic.
enum KafkaMetadata {
  /// What the topic is for, and so what to do when it is not there.
  enum Use {
    case source
    case output(String)
  }

  /// - `lastError`: what is known of why nobody answers.
  static func partitionCount(
    _ handle: OpaquePointer, topic: String, for use: Use = .source, brokers: String, milliseconds: Int,
    lastError: () -> String?
  ) throws(Failure) -> Int {
    guard let described = rd_kafka_topic_new(handle, topic, nil) else {
      throw .invalid("topic \(topic): \(KafkaText.of(rd_kafka_last_error()))")
    }
    defer { rd_kafka_topic_destroy(described) }
    let deadline = ClockGuard.monotonicMilliseconds() + Int64(milliseconds)
    while true {
      let rest = Int32(max(1, min(5_000, deadline - ClockGuard.monotonicMilliseconds())))
      var metadata: UnsafePointer<rd_kafka_metadata>?
      let code = rd_kafka_metadata(handle, 0, described, &metadata, rest)
      if code == RD_KAFKA_RESP_ERR_NO_ERROR, let found = metadata {
        defer { rd_kafka_metadata_destroy(found) }
        if let count = try count(found.pointee, topic: topic, for: use, brokers: brokers) { return count }
      }
      guard ClockGuard.monotonicMilliseconds() < deadline else {
        let words = lastError() ?? KafkaText.of(code)
        throw .unavailable("Kafka at \(brokers) does not say where topic \(topic) is: \(words)")
      }
    }
  }

  /// Nil while the topic has no leaders yet.
  private static func count(
    _ found: rd_kafka_metadata, topic: String, for use: Use, brokers: String
  ) throws(Failure) -> Int? {
    guard found.topic_cnt == 1 else { return nil }
    let described = found.topics[0]
    switch described.err {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return described.partition_cnt > 0 ? Int(described.partition_cnt) : nil
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      if case .output(let what) = use {
        throw .invalid(
          "Kafka at \(brokers) has no topic \(topic) for \(what): create it (kafka-topics --create --topic \(topic) "
            + "--partitions N --config cleanup.policy=compact), or name another in the topology")
      }
      throw .invalid(
        "Kafka at \(brokers) has no topic \(topic): create it (kafka-topics --create --topic \(topic) --partitions N "
          + "--config message.timestamp.type=LogAppendTime), or name another as source.topic")
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      if case .output(let what) = use {
        throw .invalid(
          "topic \(topic) for \(what): writing it is not allowed: grant DESCRIBE and WRITE on it to this user")
      }
      throw .invalid("topic \(topic): reading it is not allowed: grant DESCRIBE and READ on the topic to this user")
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
      return nil
    default:
      throw .unavailable("topic \(topic): \(KafkaText.of(described.err))")
    }
  }
}
