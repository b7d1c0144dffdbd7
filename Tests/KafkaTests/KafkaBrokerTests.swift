import Basics
import CRdKafka
import Foundation
import Logs
import Testing

/// What the mock cannot show: append times, transactions, groups as brokers run them. Method: any broker where topics may be
/// created, given by MILLRACE_TEST_BROKERS; skipped without one.
@Suite(
  .enabled(
    if: ProcessInfo.processInfo.environment["MILLRACE_TEST_BROKERS"] != nil,
    "MILLRACE_TEST_BROKERS names no broker: append times and transactions are not tested"))
struct KafkaBrokerTests {
  private let options = KafkaOptions(
    brokers: ProcessInfo.processInfo.environment["MILLRACE_TEST_BROKERS"] ?? "", group: "millrace-test")
  private let topic = "millrace-test-\(UUID().uuidString.lowercased())"

  private func create(_ config: [String: String]) throws {
    let conf = rd_kafka_conf_new()
    rd_kafka_conf_set(conf, "bootstrap.servers", options.brokers, nil, 0)
    let handle = try #require(rd_kafka_new(RD_KAFKA_PRODUCER, conf, nil, 0))
    defer { rd_kafka_destroy(handle) }
    var new: OpaquePointer? = rd_kafka_NewTopic_new(topic, 1, 1, nil, 0)
    defer { rd_kafka_NewTopic_destroy(new) }
    for (name, value) in config { rd_kafka_NewTopic_set_config(new, name, value) }
    let queue = rd_kafka_queue_new(handle)
    defer { rd_kafka_queue_destroy(queue) }
    rd_kafka_CreateTopics(handle, &new, 1, nil, queue)
    let event = try #require(rd_kafka_queue_poll(queue, 30_000))
    defer { rd_kafka_event_destroy(event) }
    try #require(rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR)
    var count = 0
    let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
    try #require(count == 1 && rd_kafka_topic_result_error(results?[0]) == RD_KAFKA_RESP_ERR_NO_ERROR)
  }

  private func append(_ texts: [String]) throws {
    let producer = try KafkaProducer(options, topic: topic)
    for text in texts {
      var records = KafkaRecords()
      Array("u".utf8).withUnsafeBytes { user in
        Array(text.utf8).withUnsafeBytes { records.add(user: user, value: $0) }
      }
      try producer.append(records)
    }
    producer.close()
  }

  @Test func appendTimeIsTheStamp() throws {
    try create(["message.timestamp.type": "LogAppendTime"])
    let before = Int64(Date().timeIntervalSince1970 * 1_000) - 60_000
    try append((0..<20).map { "r\($0)" })
    let log = try KafkaLog(options, topic: topic)
    let all = try readAll(log)
    #expect(texts(all) == (0..<20).map { "r\($0)" })
    #expect(all.allSatisfy { $0.stamp > before && $0.stamp < before + 180_000 })
    #expect(zip(all, all.dropFirst()).allSatisfy { $0.stamp <= $1.stamp })
    log.close()
  }

  @Test func producersTimeIsRefused() throws {
    try create(["message.timestamp.type": "CreateTime"])
    try append(["a"])
    let log = try KafkaLog(options, topic: topic)
    #expect(failure { _ = try readAll(log) }?.message.contains("LogAppendTime") == true)
    log.close()
  }

  @Test func abortedTransactionsAndMarkersAreSteppedOver() throws {
    try create(["message.timestamp.type": "LogAppendTime"])
    let conf = rd_kafka_conf_new()
    rd_kafka_conf_set(conf, "bootstrap.servers", options.brokers, nil, 0)
    rd_kafka_conf_set(conf, "transactional.id", topic, nil, 0)
    let handle = try #require(rd_kafka_new(RD_KAFKA_PRODUCER, conf, nil, 0))
    let described = rd_kafka_topic_new(handle, topic, nil)
    try #require(rd_kafka_init_transactions(handle, 30_000) == nil)
    for round in 0..<6 {
      try #require(rd_kafka_begin_transaction(handle) == nil)
      for number in 0..<3 {
        let value = Array("r\(round)-\(number)".utf8)
        let code = value.withUnsafeBytes {
          kafka_produce(handle, described, 0, nil, 0, $0.baseAddress, $0.count, nil, 0, nil)
        }
        try #require(code == RD_KAFKA_RESP_ERR_NO_ERROR)
      }
      let ended =
        round % 2 == 0 ? rd_kafka_commit_transaction(handle, 30_000) : rd_kafka_abort_transaction(handle, 30_000)
      try #require(ended == nil)
    }
    rd_kafka_topic_destroy(described)
    rd_kafka_destroy(handle)
    let log = try KafkaLog(options, topic: topic)
    var all: [Record] = []
    var end = LogPosition.start
    do {
      let reader = try log.reader(partition: 0, from: .start)
      end = try readMore(reader, into: &all)
    }
    #expect(texts(all) == [0, 2, 4].flatMap { round in (0..<3).map { "r\(round)-\($0)" } })
    // Three rounds of three and their markers, twice; the last round was aborted, and nothing is behind it.
    #expect(end.offset == 24 && Int64(end.file) == 24 - all.last!.offset)
    #expect(try log.endOffset(partition: 0) == 24)
    try append(["more"])
    #expect(try texts(readAll(log, from: end)) == ["more"])
    log.close()
  }

  /// What was aborted is not there, offset and records become visible together, and whoever opens the id shuts the other out.
  @Test func outputsAreWrittenOnceWithTheirOffset() throws {
    try create([:])
    func open() throws -> KafkaTransactions {
      let transactions = try KafkaTransactions(
        options, topics: [(topic, "view 'v'")], id: topic, group: "\(topic).sink", source: (topic, 0))
      #expect(eventually(within: 120_000) { transactions.progress != .working })
      #expect(transactions.progress == .done)
      return transactions
    }
    func put(_ transactions: KafkaTransactions, _ text: String) throws {
      #expect(try transactions.sink.put(0, key: [1], value: Array(text.utf8), headers: [], for: KafkaDelivery()))
    }
    let first = try open()
    #expect(first.committed == nil)
    try first.begin()
    try put(first, "aborted")
    first.abort(because: .unavailable("so"))
    #expect(eventually(within: 120_000) { first.progress == .aborted(.unavailable("so")) })
    try first.begin()
    try put(first, "one")
    first.commit(offset: 7, metadata: "m")
    #expect(eventually(within: 120_000) { first.progress == .done })
    try first.begin()
    try put(first, "left open")
    let second = try open()
    #expect(second.committed == KafkaTransactions.Committed(offset: 7, metadata: "m"))
    try second.begin()
    try put(second, "two")
    second.commit(offset: 8, metadata: "m")
    #expect(eventually(within: 120_000) { second.progress == .done })
    first.commit(offset: 9, metadata: "m")
    #expect(eventually(within: 120_000) { first.progress != .working })
    guard case .failed = first.progress else {
      Issue.record("the former owner was not shut out: \(first.progress)")
      return
    }
    first.close()
    second.close()
    let log = try KafkaLog(options, topic: topic, stamps: KafkaStamps(trustsProducerTime: true))
    #expect(texts(try readAll(log)) == ["one", "two"])
    log.close()
  }
}
