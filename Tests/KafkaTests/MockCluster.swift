import Basics
import CRdKafka
import Glibc
import Logs
import Synchronization

/// librdkafka's mock cluster in this process: brokers on loopback that speak Kafka's protocol, and forget everything.
final class MockCluster: @unchecked Sendable {
  // Both pointers are set once, and the mock's own thread does what it is told.
  private let host: OpaquePointer
  let cluster: OpaquePointer

  init(brokers: Int32 = 1) {
    let conf = rd_kafka_conf_new()
    rd_kafka_conf_set_log_cb(conf, nil)
    host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nil, 0)
    cluster = rd_kafka_mock_cluster_new(host, brokers)
  }

  deinit {
    rd_kafka_mock_cluster_destroy(cluster)
    rd_kafka_destroy(host)
  }

  var brokers: String { String(cString: rd_kafka_mock_cluster_bootstraps(cluster)) }

  func options(_ properties: [String: String] = [:]) -> KafkaOptions {
    // An idle mock answers as late as it may, and every test reads to an end.
    let fast = ["fetch.wait.max.ms": "20", "reconnect.backoff.max.ms": "200"]
    return KafkaOptions(
      brokers: brokers, group: "test", properties: fast.merging(properties, uniquingKeysWith: { $1 }))
  }

  func create(_ topic: String, partitions: Int32) {
    precondition(rd_kafka_mock_topic_create(cluster, topic, partitions, 1) == RD_KAFKA_RESP_ERR_NO_ERROR)
  }

  /// The mock makes a topic for whoever asks, unless it is told that there is none.
  func remove(_ topic: String) {
    rd_kafka_mock_topic_set_error(cluster, topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
  }

  func restore(_ topic: String) { rd_kafka_mock_topic_set_error(cluster, topic, RD_KAFKA_RESP_ERR_NO_ERROR) }

  enum Request: Int16 { case produce = 0, fetch = 1, listOffsets = 2, metadata = 3 }

  func push(_ errors: [rd_kafka_resp_err_t], on request: Request) {
    rd_kafka_mock_push_request_errors_array(cluster, request.rawValue, errors.count, errors)
  }
  func clearErrors(on request: Request) { rd_kafka_mock_clear_request_errors(cluster, request.rawValue) }

  /// For partition 0, as a consumer that is no member would.
  func commit(group: String, _ topic: String, offset: Int64, metadata: String) {
    let conf = rd_kafka_conf_new()
    for (name, value) in [("bootstrap.servers", brokers), ("group.id", group)] {
      rd_kafka_conf_set(conf, name, value, nil, 0)
    }
    let handle = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nil, 0)
    let list = rd_kafka_topic_partition_list_new(1)!
    let entry = rd_kafka_topic_partition_list_add(list, topic, 0)!
    entry.pointee.offset = offset
    entry.pointee.metadata = UnsafeMutableRawPointer(strdup(metadata))
    entry.pointee.metadata_size = metadata.utf8.count
    precondition(rd_kafka_commit(handle, list, 0) == RD_KAFKA_RESP_ERR_NO_ERROR)
    rd_kafka_topic_partition_list_destroy(list)
    rd_kafka_destroy(handle)
  }

  func setDown(_ broker: Int32 = -1) { rd_kafka_mock_broker_set_down(cluster, broker) }
  func setUp(_ broker: Int32 = -1) { rd_kafka_mock_broker_set_up(cluster, broker) }
  func setRoundTrip(milliseconds: Int32) { rd_kafka_mock_broker_set_rtt(cluster, -1, milliseconds) }
  func setLeader(_ topic: String, _ partition: Int32, _ broker: Int32) {
    rd_kafka_mock_partition_set_leader(cluster, topic, partition, broker)
  }
}

/// Appends to one partition of a topic exactly what it is told, which `KafkaProducer` would not: odd keys, tombstones,
/// times and headers of all kinds.
final class RawProducer {
  private let handle: OpaquePointer
  private let topic: OpaquePointer

  init(_ cluster: MockCluster, _ name: String, _ properties: [String: String] = [:]) {
    let conf = rd_kafka_conf_new()
    rd_kafka_conf_set_log_cb(conf, nil)
    rd_kafka_conf_set_error_cb(conf) { _, _, _, _ in }
    for (name, value) in ["bootstrap.servers": cluster.brokers, "linger.ms": "1"].merging(
      properties, uniquingKeysWith: { $1 })
    {
      precondition(rd_kafka_conf_set(conf, name, value, nil, 0) == RD_KAFKA_CONF_OK, name)
    }
    handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nil, 0)
    topic = rd_kafka_topic_new(handle, name, nil)
  }

  deinit {
    flush()
    rd_kafka_topic_destroy(topic)
    rd_kafka_destroy(handle)
  }

  func append(
    _ value: [UInt8]?, key: String? = nil, partition: Int32 = 0, time: Int64 = 1_000, headers: [(String, String)] = []
  ) {
    var arguments = [rd_kafka_vu_t](repeating: rd_kafka_vu_t(), count: 0)
    func add(_ kind: rd_kafka_vtype_t, _ fill: (inout rd_kafka_vu_t) -> Void) {
      var argument = rd_kafka_vu_t()
      argument.vtype = kind
      fill(&argument)
      arguments.append(argument)
    }
    var bytes = value ?? []
    var name = Array((key ?? "").utf8)
    let list = rd_kafka_headers_new(headers.count)
    for (name, value) in headers { rd_kafka_header_add(list, name, -1, value, -1) }
    let size = bytes.count
    let keySize = name.count
    bytes.append(0)
    name.append(0)
    bytes.withUnsafeMutableBytes { bytes in
      name.withUnsafeMutableBytes { name in
        add(RD_KAFKA_VTYPE_RKT) { $0.u.rkt = topic }
        add(RD_KAFKA_VTYPE_PARTITION) { $0.u.i32 = partition }
        add(RD_KAFKA_VTYPE_VALUE) {
          $0.u.mem.ptr = value == nil ? nil : bytes.baseAddress
          $0.u.mem.size = size
        }
        if key != nil {
          add(RD_KAFKA_VTYPE_KEY) {
            $0.u.mem.ptr = name.baseAddress
            $0.u.mem.size = keySize
          }
        }
        add(RD_KAFKA_VTYPE_MSGFLAGS) { $0.u.i = Int32(RD_KAFKA_MSG_F_COPY) }
        add(RD_KAFKA_VTYPE_TIMESTAMP) { $0.u.i64 = time }
        add(RD_KAFKA_VTYPE_HEADERS) { $0.u.headers = list }
        let error = rd_kafka_produceva(handle, arguments, arguments.count)
        precondition(error == nil, String(cString: rd_kafka_error_string(error)))
      }
    }
  }

  func append(_ text: String, key: String? = nil, partition: Int32 = 0, time: Int64 = 1_000) {
    append(Array(text.utf8), key: key, partition: partition, time: time)
  }

  func flush() { rd_kafka_flush(handle, 10_000) }
}
