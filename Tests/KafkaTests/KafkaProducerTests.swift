import Basics
import CRdKafka
import Logs
import Synchronization
import Testing

/// What was acknowledged is in the log once, in the partition of its user. Method: append through faults, then read.
@Suite struct KafkaProducerTests {
  private let cluster = MockCluster(brokers: 3)

  init() { cluster.create("t", partitions: 4) }

  private func made(_ range: Range<Int>, users: Int = 7, bytes: Int = 0, stamp: Int64? = nil) -> KafkaRecords {
    var records = KafkaRecords()
    for number in range {
      let value = Array("r\(number)".utf8) + [UInt8](repeating: 46, count: bytes)
      Array("u\(number % users)".utf8).withUnsafeBytes { user in
        value.withUnsafeBytes { records.add(user: user, value: $0, stamp: stamp) }
      }
    }
    return records
  }

  private func read(_ stamps: KafkaStamps = KafkaStamps(trustsProducerTime: true)) throws -> [[Record]] {
    let log = try KafkaLog(cluster.options(), topic: "t", stamps: stamps)
    defer { log.close() }
    let all = try (0..<4).map { try readAll(log, $0) }
    #expect(log.health.keyWarnings == 0)
    return all
  }

  @Test func usersGoToTheirPartitionsInOrder() throws {
    let producer = try KafkaProducer(cluster.options(), topic: "t")
    #expect(producer.partitionCount == 4)
    try producer.append(made(0..<700))
    try producer.append(KafkaRecords())
    let read = try read()
    #expect(read.map(\.count).reduce(0, +) == 700)
    for user in 0..<7 {
      let key = Array("u\(user)".utf8)
      let partition = Int(key.withUnsafeBytes { kafka_partition($0.baseAddress, $0.count, 4) })
      let own = texts(read[partition]).filter { Int($0.dropFirst())! % 7 == user }
      #expect(own == (0..<100).map { "r\($0 * 7 + user)" })
    }
    producer.close()
  }

  /// As the Java client: what other producers of a topic do.
  @Test func partitionsAreKafkas() {
    func partition(_ key: String) -> Int32 {
      Array(key.utf8).withUnsafeBytes { kafka_partition($0.baseAddress, $0.count, 1_000_000) }
    }
    // Of org.apache.kafka.common.utils.UtilsTest: murmur2("21") is -973932308, murmur2("foobar") is -790332482.
    #expect(partition("21") == Int32((-973_932_308 & 0x7fff_ffff) % 1_000_000))
    #expect(partition("foobar") == Int32((-790_332_482 & 0x7fff_ffff) % 1_000_000))
  }

  @Test func stampsTravelInTheHeader() throws {
    let producer = try KafkaProducer(cluster.options(), topic: "t")
    try producer.append(made(0..<4, users: 1, stamp: 1_234_567_890_123))
    let read = try read(KafkaStamps(trustsHeader: true))
    #expect(read.flatMap { $0 }.map(\.stamp) == [Int64](repeating: 1_234_567_890_123, count: 4))
    producer.close()
  }

  @Test(arguments: [
    RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT,
    RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  ])
  func errorsAreRetriedWithoutDoubles(error: rd_kafka_resp_err_t) throws {
    let producer = try KafkaProducer(cluster.options(["retry.backoff.ms": "10"]), topic: "t")
    cluster.push([error, error, error, error, error], on: .produce)
    try producer.append(made(0..<100))
    let read = try read()
    #expect(Set(read.flatMap { texts($0) }) == Set((0..<100).map { "r\($0)" }))
    #expect(read.flatMap { $0 }.count == 100)
    producer.close()
  }

  @Test func brokersAreAwayAndComeBack() throws {
    let producer = try KafkaProducer(cluster.options(["delivery.timeout.ms": "1000"]), topic: "t")
    try producer.append(made(0..<10))
    cluster.setDown()
    let failure = failure { try producer.append(made(10..<20)) }
    #expect(failure?.kind == .unavailable)
    #expect(failure?.message.contains("did not acknowledge") == true)
    cluster.setUp()
    #expect(eventually { (try? producer.append(made(10..<20))) != nil })
    #expect(Set(try read().flatMap { texts($0) }) == Set((0..<20).map { "r\($0)" }))
    producer.close()
  }

  @Test func aFullQueueTakesAllOrNothing() throws {
    let producer = try KafkaProducer(cluster.options(), topic: "t", queueBytes: 100_000)
    cluster.setRoundTrip(milliseconds: 500)
    let outcomes = Mutex<[Failure?]>([])
    var taken = 0
    var refused: Failure?
    while refused == nil, taken < 100 {
      refused = failure {
        try producer.submit(made(taken * 10..<taken * 10 + 10, bytes: 1_000)) { outcome in
          outcomes.withLock { $0.append(outcome) }
        }
      }
      if refused == nil { taken += 1 }
    }
    #expect(refused?.kind == .unavailable)
    #expect((5...9).contains(taken))
    cluster.setRoundTrip(milliseconds: 0)
    #expect(eventually { outcomes.withLock { $0.count } == taken })
    #expect(outcomes.withLock { $0.allSatisfy { $0 == nil } })
    #expect(try read().flatMap { $0 }.count == taken * 10)
    // There is room again, and a request larger than the queue may be alone in it.
    try producer.append(made(0..<10, bytes: 50_000))
    producer.close()
  }

  @Test func aRecordThatIsTooLargeIsTheCallers() throws {
    let producer = try KafkaProducer(cluster.options(["message.max.bytes": "10000"]), topic: "t")
    let failure = failure { try producer.append(made(0..<2, bytes: 20_000)) }
    #expect(failure?.kind == .invalid)
    try producer.append(made(0..<2))
    producer.close()
  }

  @Test func closingReportsWhatIsStillOnItsWay() throws {
    let producer = try KafkaProducer(cluster.options(), topic: "t")
    cluster.setDown()
    let outcome = Mutex<Failure??>(nil)
    try producer.submit(made(0..<10)) { failure in outcome.withLock { $0 = .some(failure) } }
    let start = milliseconds()
    producer.close(milliseconds: 100)
    #expect(milliseconds() - start < 10_000)
    #expect(outcome.withLock { $0 }??.kind == .unavailable)
  }

  @Test func unknownTopicAndNoBroker() {
    cluster.remove("nowhere")
    #expect(failure { _ = try KafkaProducer(cluster.options(), topic: "nowhere") }?.kind == .invalid)
    let away = failure { _ = try KafkaProducer(KafkaOptions(brokers: "127.0.0.1:1"), topic: "t", milliseconds: 300) }
    #expect(away?.kind == .unavailable)
  }
}
