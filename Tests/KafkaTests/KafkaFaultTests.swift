import Basics
import CRdKafka
import Testing

@testable import Logs

/// Every fault ends in progress after it or in a message. Method: the mock cluster is told to fail.
@Suite struct KafkaFaultTests {
  private let cluster = MockCluster(brokers: 3)
  private let producer: RawProducer

  init() {
    cluster.create("t", partitions: 2)
    producer = RawProducer(cluster, "t")
  }

  private func log(_ properties: [String: String] = [:]) throws -> KafkaLog {
    try KafkaLog(cluster.options(properties), topic: "t", stamps: KafkaStamps(trustsProducerTime: true))
  }

  private func append(_ range: Range<Int>, partition: Int32 = 0) {
    for number in range { producer.append("r\(number)", partition: partition) }
  }

  private func names(_ count: Int) -> [String] { (0..<count).map { "r\($0)" } }

  @Test func brokersGoAndComeBack() throws {
    let log = try log()
    append(0..<10)
    producer.flush()
    let reader = try log.reader(partition: 0, from: .start)
    var all: [Record] = []
    try readMore(reader, into: &all)
    cluster.setDown()
    let slice = LogSlice()
    let isNoticed = try eventually {
      try reader.read(into: slice, maxBytes: 1_000, maxRecords: 10)
      #expect(slice.count == 0)
      return log.health.awaySince != nil && reader.isHeldUp
    }
    #expect(isNoticed)
    #expect(log.health.lastError != nil)
    cluster.setUp()
    append(10..<20)
    producer.flush()
    try readMore(reader, into: &all, count: 20)
    #expect(texts(all) == names(20))
    #expect(eventually { log.health.awaySince == nil && log.health.brokersUp > 0 })
    log.close()
  }

  @Test func closingDoesNotWaitForBrokersThatAreAway() throws {
    let log = try log()
    append(0..<10)
    producer.flush()
    let reader = try log.reader(partition: 0, from: .start)
    cluster.setDown()
    let start = milliseconds()
    log.close()
    #expect(milliseconds() - start < 10_000)
    let failure = failure { try reader.read(into: LogSlice(), maxBytes: 100, maxRecords: 1) }
    #expect(failure?.kind == .unavailable)
    #expect(KafkaTests.failure { _ = try log.reader(partition: 1, from: .start) }?.kind == .unavailable)
  }

  @Test(arguments: [
    RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR__TRANSPORT,
    RD_KAFKA_RESP_ERR_UNKNOWN, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
    RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
    RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
  ])
  func fetchErrorsPass(error: rd_kafka_resp_err_t) throws {
    let log = try log()
    append(0..<5)
    producer.flush()
    let reader = try log.reader(partition: 0, from: .start)
    var all: [Record] = []
    try readMore(reader, into: &all, count: 5)
    cluster.push([error, error, error], on: .fetch)
    append(5..<10)
    producer.flush()
    try readMore(reader, into: &all, count: 10)
    #expect(texts(all) == names(10))
    log.close()
  }

  @Test func aTopicThatIsGoneStopsItsPartitions() throws {
    let log = try log(["topic.metadata.propagation.max.ms": "500", "topic.metadata.refresh.interval.ms": "500"])
    log.consumer.events.goneMilliseconds = 1_500
    let reader = try log.reader(partition: 0, from: .start)
    var all: [Record] = []
    try readMore(reader, into: &all)
    cluster.remove("t")
    let failure = failure { try readMore(reader, into: &all, count: 1) }
    #expect(failure?.message.hasPrefix("topic t: no broker knows it any more") == true, "\(failure?.message ?? "none")")
    #expect(log.health.fatal == failure?.message)
    log.close()
  }

  @Test func aTopicThatComesBackIsComparedAgain() throws {
    append(0..<10)
    producer.flush()
    let log = try log(["topic.metadata.propagation.max.ms": "500", "topic.metadata.refresh.interval.ms": "200"])
    let reader = try log.reader(partition: 0, from: .start)
    var all: [Record] = []
    try readMore(reader, into: &all)
    cluster.remove("t")
    #expect(eventually { !log.consumer.events.isAnswering(partition: 0) })
    cluster.restore("t")
    #expect(eventually { log.consumer.events.returns == 1 })
    append(10..<20)
    producer.flush()
    try readMore(reader, into: &all, count: 20)
    #expect(texts(all) == names(20))
    try readMore(reader, into: &all)
    #expect(all.count == 20)
    log.close()
  }

  @Test func leadersMove() throws {
    let log = try log()
    let reader = try log.reader(partition: 0, from: .start)
    var all: [Record] = []
    for round in 0..<6 {
      cluster.setLeader("t", 0, Int32(round % 3 + 1))
      append(round * 10..<round * 10 + 10)
      producer.flush()
      try readMore(reader, into: &all, count: round * 10 + 10)
    }
    #expect(texts(all) == names(60))
    log.close()
  }

  @Test func slowBrokersAreNoEnd() throws {
    append(0..<10)
    producer.flush()
    let log = try log()
    cluster.setRoundTrip(milliseconds: 300)
    var all: [Record] = []
    let reader = try log.reader(partition: 0, from: .start)
    try readMore(reader, into: &all)
    #expect(texts(all) == names(10))
    log.close()
  }

  @Test func aChangedPartitionCountStopsEverything() throws {
    let events = KafkaEvents(topic: "t")
    events.expect(partitions: 2)
    func report(_ partitions: Int) {
      let text = (0..<partitions).map { "\"\($0)\": {\"partition\": \($0), \"leader\": 1}" }.joined(separator: ",")
      Array("{\"brokers\": {}, \"topics\": {\"t\": {\"partitions\": {\"-1\": {}, \(text)}}}}".utf8).withUnsafeBytes {
        events.take($0)
      }
    }
    report(2)
    #expect(events.failure == nil)
    report(3)
    #expect(events.failure?.kind == .invalid)
    #expect(events.failure?.message.hasPrefix("topic t had 2 partitions and now has 3") == true)
  }

  @Test func whatTheClientGivesUpStopsReading() throws {
    let log = try log()
    let reader = try log.reader(partition: 0, from: .start)
    rd_kafka_test_fatal_error(log.consumer.handle, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, "made up")
    var all: [Record] = []
    let failure = failure { try readMore(reader, into: &all, count: 1) }
    #expect(failure?.kind == .unavailable)
    #expect(failure?.message.contains("made up") == true)
    #expect(log.health.fatal == failure?.message)
    log.close()
  }
}
