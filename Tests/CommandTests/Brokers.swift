import CRdKafka
import Foundation
import Testing

/// librdkafka's mock cluster in this process: a broker on loopback that forgets everything.
final class Brokers {
  private let host: OpaquePointer
  let mock: OpaquePointer
  private var producer: OpaquePointer?

  init(count: Int32 = 1) {
    let conf = rd_kafka_conf_new()
    rd_kafka_conf_set_log_cb(conf, nil)
    host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nil, 0)
    mock = rd_kafka_mock_cluster_new(host, count)
  }

  deinit {
    if let producer { rd_kafka_destroy(producer) }
    rd_kafka_mock_cluster_destroy(mock)
    rd_kafka_destroy(host)
  }

  var brokers: String { String(cString: rd_kafka_mock_cluster_bootstraps(mock)) }

  func create(_ topic: String, partitions: Int32 = 3) { rd_kafka_mock_topic_create(mock, topic, partitions, 1) }

  func setRoundTrip(milliseconds: Int32) { rd_kafka_mock_broker_set_rtt(mock, -1, milliseconds) }

  /// Appends lines to a new topic, keyed by their users.
  ///
  /// - `partition`: where each goes; nil is where murmur2 puts its user.
  func fill(_ topic: String, _ lines: [Substring], partition: ((Int) -> Int32)? = nil) {
    create(topic)
    append(topic, lines, partition: partition)
  }

  /// As `fill`, to a topic that is there. Returns when the broker has them.
  ///
  /// - `producer`: nil is ours, which compresses.
  func append(
    _ topic: String, _ lines: some Sequence<Substring>, partition: ((Int) -> Int32)? = nil,
    by producer: OpaquePointer? = nil
  ) {
    submit(topic, lines, partition: partition, by: producer)
    #expect(flush(producer), "brokers did not take all lines")
  }

  /// Waits until the brokers have all that was submitted.
  func flush(_ producer: OpaquePointer? = nil, seconds: Int32 = 60) -> Bool {
    guard let producer = producer ?? self.producer else { return true }
    return rd_kafka_flush(producer, seconds * 1_000) == RD_KAFKA_RESP_ERR_NO_ERROR
  }

  /// As `append`, but returns at once: brokers may be away.
  func submit(
    _ topic: String, _ lines: some Sequence<Substring>, partition: ((Int) -> Int32)? = nil,
    by other: OpaquePointer? = nil
  ) {
    if other == nil, self.producer == nil { self.producer = Brokers.producer(brokers) }
    let producer = other ?? self.producer
    let handle = rd_kafka_topic_new(producer, topic, nil)!
    for (index, line) in lines.enumerated() {
      var key = Array(Brokers.user(line).utf8)
      var value = Array(line.utf8)
      let target = partition?(index) ?? RD_KAFKA_PARTITION_UA
      while rd_kafka_produce(
        handle, target, Int32(RD_KAFKA_MSG_F_COPY), &value, value.count, &key, key.count, nil) != 0
      {
        precondition(rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(producer, 100)
      }
    }
    rd_kafka_topic_destroy(handle)
  }

  /// Offsets of a group, by partition, as a consumer that is no member would commit them.
  func commit(group: String, _ topic: String, _ offsets: [Int]) {
    let conf = rd_kafka_conf_new()
    for (name, value) in [("bootstrap.servers", brokers), ("group.id", group)] {
      rd_kafka_conf_set(conf, name, value, nil, 0)
    }
    let handle = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nil, 0)
    let list = rd_kafka_topic_partition_list_new(Int32(offsets.count))!
    for (partition, offset) in offsets.enumerated() {
      rd_kafka_topic_partition_list_add(list, topic, Int32(partition)).pointee.offset = Int64(offset)
    }
    precondition(rd_kafka_commit(handle, list, 0) == RD_KAFKA_RESP_ERR_NO_ERROR)
    rd_kafka_topic_partition_list_destroy(list)
    rd_kafka_destroy(handle)
  }

  /// One record of an output's topic.
  struct Written {
    var key: String
    /// Nil is a tombstone.
    var value: String?
    var headers: [String: String]
  }

  /// Everything in a topic, partition by partition in log order.
  func written(_ topic: String, partitions: Int32) -> [Written] {
    let conf = rd_kafka_conf_new()
    for (name, value) in [
      ("bootstrap.servers", brokers), ("group.id", "looks"), ("enable.partition.eof", "true"),
      ("fetch.wait.max.ms", "20"), ("isolation.level", "read_committed"),
    ] {
      rd_kafka_conf_set(conf, name, value, nil, 0)
    }
    let consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nil, 0)!
    rd_kafka_poll_set_consumer(consumer)
    let list = rd_kafka_topic_partition_list_new(partitions)!
    for partition in 0..<partitions {
      rd_kafka_topic_partition_list_add(list, topic, partition).pointee.offset = Int64(RD_KAFKA_OFFSET_BEGINNING)
    }
    rd_kafka_assign(consumer, list)
    rd_kafka_topic_partition_list_destroy(list)
    var all: [Written] = []
    var ended: Set<Int32> = []
    while ended.count < Int(partitions) {
      guard let message = rd_kafka_consumer_poll(consumer, 10_000) else { break }
      defer { rd_kafka_message_destroy(message) }
      if message.pointee.err == RD_KAFKA_RESP_ERR__PARTITION_EOF { ended.insert(message.pointee.partition) }
      guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else { continue }
      func text(_ start: UnsafeMutableRawPointer?, _ count: Int) -> String? {
        start.map { String(decoding: UnsafeRawBufferPointer(start: $0, count: count), as: UTF8.self) }
      }
      var headers: [String: String] = [:]
      var found: OpaquePointer?
      if rd_kafka_message_headers(message, &found) == RD_KAFKA_RESP_ERR_NO_ERROR {
        var index = 0
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while rd_kafka_header_get_all(found, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR {
          headers[String(cString: name!)] = text(UnsafeMutableRawPointer(mutating: value), size)
          index += 1
        }
      }
      all.append(
        Written(
          key: text(message.pointee.key, message.pointee.key_len) ?? "",
          value: text(message.pointee.payload, message.pointee.len), headers: headers))
    }
    precondition(ended.count == Int(partitions), "topic \(topic) was not read to its end")
    rd_kafka_consumer_close(consumer)
    rd_kafka_destroy(consumer)
    return all
  }

  static func producer(_ brokers: String, compression: String = "lz4") -> OpaquePointer {
    let conf = rd_kafka_conf_new()
    rd_kafka_conf_set_log_cb(conf, nil)
    rd_kafka_conf_set_error_cb(conf) { _, _, _, _ in }
    for (name, value) in [
      ("reconnect.backoff.max.ms", "200"), ("bootstrap.servers", brokers), ("partitioner", "murmur2_random"),
      ("compression.type", compression),
      ("linger.ms", "20"),
    ] {
      rd_kafka_conf_set(conf, name, value, nil, 0)
    }
    return rd_kafka_new(RD_KAFKA_PRODUCER, conf, nil, 0)!
  }

  static func user(_ line: Substring) -> String {
    let event = try! JSONSerialization.jsonObject(with: Data(line.utf8)) as! [String: Any]
    return (event["user_id"] ?? event["anonymous_id"]) as! String
  }
}
