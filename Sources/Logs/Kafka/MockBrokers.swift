import Basics
import CRdKafka

/// librdkafka's mock cluster: a broker on loopback in this process, which forgets everything at the end. It is there for
/// measuring where no Kafka is at hand.
///
/// It keeps 5 MiB, as sent, or 100,000 message sets of each partition, and removes what is older.
///
/// `@unchecked Sendable`: both pointers are set once, and the mock answers calls on a thread of its own.
public final class MockBrokers: @unchecked Sendable {
  private let host: OpaquePointer
  private let cluster: OpaquePointer

  /// - Errors: `.unavailable` when no port can be had.
  public init() throws(Failure) {
    var text = [CChar](repeating: 0, count: 512)
    let conf = rd_kafka_conf_new()
    rd_kafka_conf_set_log_cb(conf, nil)
    guard let host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, &text, text.count) else {
      rd_kafka_conf_destroy(conf)
      throw .unavailable("mock brokers: \(KafkaText.from(text))")
    }
    guard let cluster = rd_kafka_mock_cluster_new(host, 1) else {
      rd_kafka_destroy(host)
      throw .unavailable("mock brokers: cannot listen on loopback")
    }
    self.host = host
    self.cluster = cluster
  }

  deinit {
    rd_kafka_mock_cluster_destroy(cluster)
    rd_kafka_destroy(host)
  }

  /// `host:port`.
  public var address: String { String(cString: rd_kafka_mock_cluster_bootstraps(cluster)) }

  public func create(_ topic: String, partitions: Int) throws(Failure) {
    let code = rd_kafka_mock_topic_create(cluster, topic, Int32(partitions), 1)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw .invalid("mock brokers: \(topic): \(KafkaText.of(code))") }
  }
}
