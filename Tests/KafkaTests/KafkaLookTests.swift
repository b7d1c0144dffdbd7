import CRdKafka
import Foundation
import Testing

@testable import Logs

/// Goal: what `millrace doctor` is told of a cluster is what is there, and whatever is away or refused ends in a sentence.
/// Method: the mock cluster, which knows neither settings nor append times; and a real one where MILLRACE_TEST_BROKERS names it.
@Suite struct KafkaLookTests {
  private let cluster = LookedAtCluster()

  private func look(_ options: KafkaOptions? = nil, milliseconds: Int = 5_000) throws -> KafkaLook {
    try KafkaLook(options ?? cluster.options(), groupName: "test.web.abc", milliseconds: milliseconds, asking: 1_000)
  }

  /// Texts of the sample by partition, in the order they came.
  private func sampled(_ look: KafkaLook, _ topic: String = "t", count: Int = 100) -> [Int: [String]] {
    var texts: [Int: [String]] = [:]
    look.look(topic: topic, sample: count) { record in
      texts[record.partition, default: []].append(String(decoding: record.value, as: UTF8.self))
    }
    return texts
  }

  @Test func partitionsBoundsTimesAndTheNewestRecords() throws {
    cluster.create("t", partitions: 3)
    let producer = cluster.producer("t")
    for index in 0..<250 { producer.append("a\(index)", key: "k", partition: 0, time: 10_000 + Int64(index)) }
    for index in 0..<5 { producer.append("b\(index)", key: "k", partition: 2, time: 20_000 + Int64(index)) }
    producer.flush()
    let look = try look()
    #expect(look.description.noAnswer == nil && look.description.groupRefusal == nil)
    #expect(look.description.brokerCount == 1)
    #expect(look.description.topicNames == ["t"])
    let texts = sampled(look)
    #expect(texts[0] == (150..<250).map { "a\($0)" })
    #expect(texts[1] == nil)
    #expect(texts[2] == (0..<5).map { "b\($0)" })
    let topic = look.description.topics[0]
    #expect(topic.isKnown && topic.refusal == nil)
    #expect(topic.partitions.map(\.start) == [0, 0, 0])
    #expect(topic.partitions.map(\.end) == [250, 0, 5])
    #expect(topic.partitions.allSatisfy { $0.hasLeader && $0.replicas == 1 && $0.replicasInSync == 1 })
    #expect(topic.partitions.map(\.oldest?.milliseconds) == [10_000, nil, 20_000])
    #expect(topic.partitions.map(\.newest?.milliseconds) == [10_249, nil, 20_004])
    #expect(topic.partitions.allSatisfy { $0.refusal == nil && $0.newest?.isAppendTime != true })
  }

  @Test func recordsComeWithTheirKeysAndStamps() throws {
    cluster.create("t", partitions: 1)
    let producer = cluster.producer("t")
    producer.append("plain")
    producer.append("keyed", key: "u1", stamp: "1000")
    producer.append("", key: "u2")
    producer.flush()
    var seen: [String] = []
    try look().look(topic: "t", sample: 10) { record in
      let key = record.key.map { String(decoding: $0, as: UTF8.self) } ?? "-"
      seen.append("\(key) \(String(decoding: record.value, as: UTF8.self)) \(record.carriesStamp)")
    }
    #expect(seen == ["- plain false", "u1 keyed true", "u2  false"])
  }

  @Test func aTopicThatIsNotThere() throws {
    cluster.create("events", partitions: 1)
    // The mock makes topics when they are asked for, so it has to be told what a broker would say.
    rd_kafka_mock_topic_set_error(cluster.mock, "event", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
    let look = try look()
    #expect(sampled(look, "event").isEmpty)
    #expect(look.description.topics[0].isKnown == false)
    #expect(look.description.topics[0].refusal == nil)
    #expect(look.description.topicNames.contains("events"))
  }

  @Test func aTopicThatMayNotBeSeen() throws {
    rd_kafka_mock_topic_set_error(cluster.mock, "t", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
    let look = try look()
    #expect(sampled(look).isEmpty)
    #expect(look.description.topics[0].refusal?.isDenied == true)
  }

  @Test func aGroupThatMayNotBeJoined() throws {
    cluster.create("t", partitions: 1)
    // OffsetFetch
    cluster.refuse(request: 9, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, times: 1)
    #expect(try look().description.groupRefusal?.isDenied == true)
  }

  @Test func settingsThatNobodyTells() throws {
    cluster.create("t", partitions: 1)
    let look = try look()
    _ = sampled(look)
    let topic = look.description.topics[0]
    #expect(topic.settings == nil)
    #expect(topic.settingsRefusal?.isDenied == false && topic.settingsRefusal?.message.isEmpty == false)
  }

  @Test func nobodyAnswers() throws {
    rd_kafka_mock_broker_set_down(cluster.mock, -1)
    let look = try look(milliseconds: 1_500)
    #expect(look.description.noAnswer?.reason == .unreachable, "\(look.description)")
    #expect(look.description.noAnswer?.message.isEmpty == false)
  }

  @Test func noTLSWhereItIsExpected() throws {
    let look = try look(cluster.options(["security.protocol": "ssl"]), milliseconds: 4_000)
    #expect(look.description.isSecured)
    #expect(look.description.noAnswer?.reason == .tls, "\(look.description)")
  }

  @Test func nobodyKnowsThePassword() throws {
    let look = try look(
      cluster.options([
        "security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.username": "millrace",
        "sasl.password": "wrong",
      ]), milliseconds: 4_000)
    #expect(look.description.user == "millrace")
    #expect(look.description.noAnswer?.reason == .sasl, "\(look.description)")
    #expect(!"\(look.description)".contains("wrong"))
  }

  @Test func recordsThatMayNotBeRead() throws {
    cluster.create("t", partitions: 1)
    let producer = cluster.producer("t")
    producer.append("a")
    producer.flush()
    let look = try look()
    cluster.refuse(request: 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, times: 20)
    #expect(sampled(look).isEmpty)
    #expect(look.description.topics[0].partitions[0].refusal?.isDenied == true, "\(look.description.topics)")
  }

  @Test func aPartitionWithoutALeader() throws {
    cluster.create("t", partitions: 2)
    let producer = cluster.producer("t")
    producer.append("a", partition: 0)
    producer.append("b", partition: 1)
    producer.flush()
    rd_kafka_mock_partition_set_leader(cluster.mock, "t", 1, -1)
    let look = try look()
    #expect(sampled(look) == [0: ["a"]])
    #expect(look.description.topics[0].partitions.map(\.hasLeader) == [true, false])
  }

  @Test func theLastRecordIsComparedWithWhatTheStateKnows() throws {
    cluster.create("t", partitions: 4)
    let producer = cluster.producer("t")
    for partition in 0..<4 {
      for index in 0..<3 { producer.append("p\(partition) \(index)", partition: Int32(partition)) }
    }
    producer.flush()
    let look = try look()
    _ = sampled(look)
    func position(_ text: String, offset: Int64, file: UInt32 = 1) -> LogPosition {
      let check = Array(text.utf8).withUnsafeBytes { Checksum.crc32c($0) }
      return LogPosition(offset: offset, file: file, byte: 0, check: UInt64(check))
    }
    let found = look.readBack(
      topic: "t",
      [
        (0, position("p0 2", offset: 3)), (1, position("another", offset: 2)),
        // Nothing was read yet; and what was read last is beyond the end, which is another finding.
        (2, .start), (3, position("p3 9", offset: 10)),
      ])
    #expect(found == [0: .same, 1: .different("another record stands at offset 1")])
  }

  @Test(
    .enabled(if: KafkaLookTests.realBrokers != nil, "set MILLRACE_TEST_BROKERS=host:port to look at a real cluster"))
  func aRealClusterTellsItsSettingsAndStamps() throws {
    let options = KafkaOptions(brokers: KafkaLookTests.realBrokers!, group: "millrace-test")
    let look = try KafkaLook(options, groupName: "millrace-test.look")
    #expect(look.description.noAnswer == nil)
    #expect(look.description.brokerCount > 0)
    for name in look.description.topicNames where !name.hasPrefix("__") {
      look.look(topic: name, sample: 10) { _ in }
      let topic = look.description.topics.last!
      #expect(topic.isKnown && topic.refusal == nil)
      #expect(topic.settings?["message.timestamp.type"] != nil || topic.settingsRefusal != nil)
    }
    look.look(topic: "millrace-test-\(UUID().uuidString)", sample: 1) { _ in }
    #expect(look.description.topics.last?.isKnown == false)
  }

  private static var realBrokers: String? { ProcessInfo.processInfo.environment["MILLRACE_TEST_BROKERS"] }
}

/// librdkafka's mock cluster in this process, and records put where the test wants them.
private final class LookedAtCluster {
  private let host: OpaquePointer
  let mock: OpaquePointer

  init() {
    let conf = rd_kafka_conf_new()
    rd_kafka_conf_set_log_cb(conf, nil)
    host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nil, 0)
    mock = rd_kafka_mock_cluster_new(host, 1)
  }

  deinit {
    rd_kafka_mock_cluster_destroy(mock)
    rd_kafka_destroy(host)
  }

  func options(_ properties: [String: String] = [:]) -> KafkaOptions {
    // An idle mock answers as late as it may.
    KafkaOptions(
      brokers: String(cString: rd_kafka_mock_cluster_bootstraps(mock)), group: "test",
      properties: properties.merging(["fetch.wait.max.ms": "20"]) { $1 })
  }

  func create(_ topic: String, partitions: Int32) { rd_kafka_mock_topic_create(mock, topic, partitions, 1) }

  func refuse(request: Int16, _ code: rd_kafka_resp_err_t, times: Int) {
    rd_kafka_mock_push_request_errors_array(mock, request, times, Array(repeating: code, count: times))
  }

  func producer(_ topic: String) -> Producer { Producer(options().brokers, topic) }

  final class Producer {
    private let handle: OpaquePointer
    private let topic: OpaquePointer

    init(_ brokers: String, _ name: String) {
      let conf = rd_kafka_conf_new()
      rd_kafka_conf_set(conf, "bootstrap.servers", brokers, nil, 0)
      handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nil, 0)
      topic = rd_kafka_topic_new(handle, name, nil)
    }

    deinit {
      rd_kafka_topic_destroy(topic)
      rd_kafka_destroy(handle)
    }

    func flush() { rd_kafka_flush(handle, 10_000) }

    /// - `stamp`: for the header `millrace-appended-at`.
    func append(_ text: String, key: String? = nil, partition: Int32 = 0, time: Int64 = 1_000, stamp: String? = nil) {
      let headers = rd_kafka_headers_new(1)
      if let stamp { rd_kafka_header_add(headers, "millrace-appended-at", -1, stamp, -1) }
      var value = Array(text.utf8) + [0]
      var name = Array((key ?? "").utf8) + [0]
      var arguments: [rd_kafka_vu_t] = []
      func add(_ kind: rd_kafka_vtype_t, _ fill: (inout rd_kafka_vu_t) -> Void) {
        var argument = rd_kafka_vu_t()
        argument.vtype = kind
        fill(&argument)
        arguments.append(argument)
      }
      let (valueCount, nameCount) = (value.count - 1, name.count - 1)
      value.withUnsafeMutableBytes { value in
        name.withUnsafeMutableBytes { name in
          add(RD_KAFKA_VTYPE_RKT) { $0.u.rkt = topic }
          add(RD_KAFKA_VTYPE_PARTITION) { $0.u.i32 = partition }
          add(RD_KAFKA_VTYPE_VALUE) {
            $0.u.mem.ptr = value.baseAddress
            $0.u.mem.size = valueCount
          }
          if key != nil {
            add(RD_KAFKA_VTYPE_KEY) {
              $0.u.mem.ptr = name.baseAddress
              $0.u.mem.size = nameCount
            }
          }
          add(RD_KAFKA_VTYPE_MSGFLAGS) { $0.u.i = Int32(RD_KAFKA_MSG_F_COPY) }
          add(RD_KAFKA_VTYPE_TIMESTAMP) { $0.u.i64 = time }
          add(RD_KAFKA_VTYPE_HEADERS) { $0.u.headers = headers }
          precondition(rd_kafka_produceva(handle, arguments, arguments.count) == nil)
        }
      }
    }
  }
}
