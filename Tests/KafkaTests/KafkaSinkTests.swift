import Basics
import CRdKafka
import Foundation
import Logs
import Testing

/// What outputs need of Kafka: keys in their place and order, tombstones, headers, room that ends, refusals that are told, and
/// an offset that is committed with what was written. Method: the mock cluster, which plays transactions without hiding what
/// was aborted; what only a broker shows is in `KafkaBrokerTests`.
@Suite struct KafkaSinkTests {
  private let cluster = MockCluster()

  init() {
    cluster.create("a", partitions: 3)
    cluster.create("b", partitions: 1)
  }

  private func sink(_ properties: [String: String] = [:], queueBytes: Int = 1 << 20) throws -> KafkaSink {
    try KafkaSink(
      cluster.options(properties), topics: [("a", "view 'a'"), ("b", "dead letters")], queueBytes: queueBytes)
  }

  private func read(_ topic: String, _ partition: Int = 0) throws -> [Record] {
    let log = try KafkaLog(cluster.options(), topic: topic, stamps: KafkaStamps(trustsProducerTime: true))
    defer { log.close() }
    return try readAll(log, partition)
  }

  @Test func keysGoWhereJavaPutsThemAndTombstonesHaveNoValue() throws {
    let sink = try sink()
    let delivery = KafkaDelivery()
    for number in 0..<60 {
      let key = Array("k\(number % 6)".utf8)
      let value = number < 54 ? Array("v\(number)".utf8) : nil
      #expect(try sink.put(0, key: key, value: value, headers: [("millrace-offset", "7")], for: delivery))
    }
    #expect(try sink.put(1, key: Array("x".utf8), value: [], headers: [], for: delivery))
    #expect(eventually { delivery.waiting == 0 })
    #expect(delivery.failure == nil)
    for number in 0..<6 {
      let key = Array("k\(number)".utf8)
      let partition = Int(key.withUnsafeBytes { kafka_partition($0.baseAddress, $0.count, 3) })
      let own = texts(try read("a", partition)).filter { $0.isEmpty || Int($0.dropFirst())! % 6 == number }
      #expect(own.filter { !$0.isEmpty } == (0..<9).map { "v\($0 * 6 + number)" })
    }
    #expect(try (0..<3).flatMap { try read("a", $0) }.filter { $0.bytes.isEmpty }.count == 6)
    #expect(try read("b").count == 1)
    sink.close()
  }

  @Test func thereIsNoMoreRoomThanThereIs() throws {
    let sink = try sink(queueBytes: 20_000)
    cluster.setRoundTrip(milliseconds: 300)
    let delivery = KafkaDelivery()
    var taken = 0
    while try sink.put(0, key: [1], value: Array(repeating: 2, count: 1_000), headers: [], for: delivery) { taken += 1 }
    #expect((5...20).contains(taken))
    cluster.setRoundTrip(milliseconds: 0)
    #expect(eventually { delivery.waiting == 0 })
    #expect(try sink.put(0, key: [1], value: nil, headers: [], for: delivery))
    sink.close()
  }

  @Test func whatIsRefusedIsTold() throws {
    let sink = try sink(["message.max.bytes": "10000"])
    let large = KafkaDelivery()
    _ = try sink.put(0, key: [1], value: Array(repeating: 2, count: 20_000), headers: [], for: large)
    #expect(large.failure?.kind == .invalid)
    cluster.push([RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED], on: .produce)
    let refused = KafkaDelivery()
    #expect(try sink.put(1, key: [1], value: [2], headers: [], for: refused))
    #expect(eventually { refused.waiting == 0 })
    #expect(refused.failure?.kind == .unavailable)
    #expect(refused.failure?.message.contains("topic b") == true)
    sink.close()
  }

  @Test func aTopicThatIsNotThereIsNamedWithItsUse() {
    cluster.remove("b")
    let failure = failure { _ = try sink() }
    #expect(failure?.kind == .invalid)
    #expect(
      failure?.message.contains("no topic b for dead letters: create it (kafka-topics --create --topic b") == true)
  }

  private func transactions(_ partition: Int = 0) throws -> KafkaTransactions {
    let transactions = try KafkaTransactions(
      cluster.options(), topics: [("a", "view 'a'")], id: "test.\(partition)", group: "test.sink",
      source: ("b", partition))
    #expect(eventually { transactions.progress != .working })
    #expect(transactions.progress == .done)
    return transactions
  }

  /// The mock forgets offsets of transactions, so that the group keeps them is left to `KafkaBrokerTests`; what it has is read.
  @Test func theOffsetIsCommittedWithWhatWasWritten() throws {
    let first = try transactions()
    #expect(first.committed == nil)
    let delivery = KafkaDelivery()
    try first.begin()
    #expect(try first.sink.put(0, key: [1], value: [2], headers: [], for: delivery))
    first.commit(offset: 41, metadata: "what")
    #expect(eventually { first.progress == .done })
    #expect(delivery.waiting == 0 && delivery.failure == nil)
    #expect(first.committed == KafkaTransactions.Committed(offset: 41, metadata: "what"))
    first.close()
    cluster.commit(group: "test.sink", "b", offset: 43, metadata: "what")
    let second = try transactions()
    #expect(second.committed == KafkaTransactions.Committed(offset: 43, metadata: "what"))
    second.close()
  }

  @Test func anAbortedTransactionMayBeWrittenAgain() throws {
    let transactions = try transactions()
    try transactions.begin()
    let delivery = KafkaDelivery()
    #expect(try transactions.sink.put(0, key: [1], value: [2], headers: [], for: delivery))
    transactions.abort(because: .unavailable("so"))
    #expect(eventually { transactions.progress == .aborted(.unavailable("so")) })
    #expect(eventually { delivery.waiting == 0 })
    #expect(transactions.committed == nil)
    try transactions.begin()
    #expect(try transactions.sink.put(0, key: [1], value: [3], headers: [], for: KafkaDelivery()))
    transactions.commit(offset: 5, metadata: "")
    #expect(eventually { transactions.progress == .done })
    #expect(transactions.committed?.offset == 5)
    transactions.close()
  }

  /// Retriable errors of the coordinator are gone through; a fenced producer is told to end.
  @Test func errorsOfTheCoordinatorAreTakenAsTheyAreMeant() throws {
    let transactions = try transactions()
    func push(_ request: Int16, _ errors: [rd_kafka_resp_err_t]) {
      rd_kafka_mock_push_request_errors_array(cluster.cluster, request, errors.count, errors)
    }
    let (endTransaction, addOffsets): (Int16, Int16) = (26, 25)
    push(addOffsets, [RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS])
    push(endTransaction, [RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE])
    try transactions.begin()
    #expect(try transactions.sink.put(0, key: [1], value: [2], headers: [], for: KafkaDelivery()))
    transactions.commit(offset: 1, metadata: "")
    #expect(eventually { transactions.progress != .working })
    #expect(transactions.progress == .done)
    push(endTransaction, [RD_KAFKA_RESP_ERR_PRODUCER_FENCED])
    try transactions.begin()
    #expect(try transactions.sink.put(0, key: [1], value: [2], headers: [], for: KafkaDelivery()))
    transactions.commit(offset: 2, metadata: "")
    #expect(eventually { transactions.progress != .working })
    guard case .failed(let failure) = transactions.progress else {
      Issue.record("a fenced producer went on: \(transactions.progress)")
      return
    }
    #expect(failure.kind == .unavailable && failure.message.contains("another instance writes them now"))
    transactions.close()
  }
}
