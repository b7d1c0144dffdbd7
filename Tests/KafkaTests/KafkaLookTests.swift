import CRdKafka
import Foundation
import Testing

@testable import Logs

/// Goal: what `millrace doctor` is told of a cluster is what is there, and whatever is away or refused ends in a sentence.
/// Method: the mock cluster, which knows neither settings nor append times; and a real one where MILLRACE_TEST_BROKERS names it.
@Suite struct KafkaLookTests {
  private let cluster = MockCluster()

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
    let producer = RawProducer(cluster, "t")
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
    let producer = RawProducer(cluster, "t")
    producer.append("plain")
    producer.append(Array("keyed".utf8), key: "u1", headers: [("millrace-appended-at", "1000")])
    producer.append(nil, key: "u2")
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
    rd_kafka_mock_topic_set_error(cluster.cluster, "event", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
    let look = try look()
    #expect(sampled(look, "event").isEmpty)
    #expect(look.description.topics[0].isKnown == false)
    #expect(look.description.topics[0].refusal == nil)
    #expect(look.description.topicNames.contains("events"))
  }

  @Test func aTopicThatMayNotBeSeen() throws {
    rd_kafka_mock_topic_set_error(cluster.cluster, "t", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
    let look = try look()
    #expect(sampled(look).isEmpty)
    #expect(look.description.topics[0].refusal?.isDenied == true)
  }

  @Test func aGroupThatMayNotBeJoined() throws {
    cluster.create("t", partitions: 1)
    let offsetFetch: Int16 = 9
    let errors = [RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED]
    rd_kafka_mock_push_request_errors_array(cluster.cluster, offsetFetch, errors.count, errors)
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
    rd_kafka_mock_broker_set_down(cluster.cluster, -1)
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
    let producer = RawProducer(cluster, "t")
    producer.append("a")
    producer.flush()
    let look = try look()
    cluster.push(Array(repeating: RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, count: 20), on: .fetch)
    #expect(sampled(look).isEmpty)
    #expect(look.description.topics[0].partitions[0].refusal?.isDenied == true, "\(look.description.topics)")
  }

  @Test func aPartitionWithoutALeader() throws {
    cluster.create("t", partitions: 2)
    let producer = RawProducer(cluster, "t")
    producer.append("a", partition: 0)
    producer.append("b", partition: 1)
    producer.flush()
    rd_kafka_mock_partition_set_leader(cluster.cluster, "t", 1, -1)
    let look = try look()
    #expect(sampled(look) == [0: ["a"]])
    #expect(look.description.topics[0].partitions.map(\.hasLeader) == [true, false])
  }

  @Test func theLastRecordIsComparedWithWhatTheStateKnows() throws {
    cluster.create("t", partitions: 4)
    let producer = RawProducer(cluster, "t")
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
