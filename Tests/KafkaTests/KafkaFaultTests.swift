import Basics
import CRdKafka
import Foundation
import Synchronization
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

  /// Says how far it is when it gives partitions back, and waits for the answer.
  private final class Telling: KafkaMember {
    let log: KafkaLog
    let owned = Mutex<[Int]>([])

    init(_ log: KafkaLog) { self.log = log }

    func assigned(_ partitions: [Int]) { owned.withLock { $0 += partitions } }

    func revoked(_ partitions: [Int], lost: Bool) {
      try? log.commitToGroup(partitions.map { ($0, 1, "words") }, milliseconds: 1_000)
    }
  }

  /// librdkafka waits for answers to commits before it leaves a group, and its statistics come meanwhile.
  @Test func leavingDoesNotWaitForACoordinatorThatIsAway() throws {
    let log = try KafkaLog(
      cluster.options(["session.timeout.ms": "3000", "heartbeat.interval.ms": "200"]), topic: "t",
      stamps: KafkaStamps(trustsProducerTime: true), group: "g")
    let member = Telling(log)
    try log.join(member)
    #expect(eventually { !member.owned.withLock { $0.isEmpty } })
    cluster.setDown()
    // It knows that no coordinator is there, and keeps what is to be committed for when one is.
    sleep(2)
    try? log.commitToGroup([(0, 1, "words")], milliseconds: 1)
    let ended = DispatchSemaphore(value: 0)
    Thread {
      log.leave()
      ended.signal()
    }.start()
    #expect(ended.wait(timeout: .now() + 20) == .success)
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

  @Test func aRecordThatIsDamagedStopsItsPartition() throws {
    let log = try log()
    append(0..<5)
    producer.flush()
    let reader = try log.reader(partition: 0, from: .start)
    var all: [Record] = []
    try readMore(reader, into: &all, count: 5)
    cluster.push([RD_KAFKA_RESP_ERR_INVALID_MSG], on: .fetch)
    append(5..<10)
    producer.flush()
    let failure = failure { try readMore(reader, into: &all, count: 10) }
    #expect(failure?.kind == .corrupt)
    #expect(failure?.message.hasPrefix("topic t, partition 0: cannot be read at offset 5 or behind: ") == true)
    #expect(all.count == 5)
    log.close()
  }

  /// Closing comes at any moment, and ends in a message for whoever is reading.
  @Test func closingWhileOthersRead() throws {
    append(0..<200)
    append(200..<400, partition: 1)
    producer.flush()
    for round in 0..<10 {
      let log = try log()
      let count = Atomic(0)
      let group = DispatchGroup()
      for partition in 0..<2 {
        let reader = try log.reader(partition: partition, from: .start)
        nonisolated(unsafe) let own = reader
        group.enter()
        Thread.detachNewThread {
          let slice = LogSlice()
          while true {
            do throws(Failure) {
              try own.read(into: slice, maxBytes: 300, maxRecords: 1 + round)
              count.add(slice.count, ordering: .relaxed)
              _ = try log.endOffset(partition: partition)
              log.commitToGroup([])
            } catch {
              #expect(error.kind == .unavailable)
              break
            }
          }
          group.leave()
        }
      }
      #expect(eventually { count.load(ordering: .relaxed) >= round * 30 })
      log.close()
      group.wait()
    }
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
    #expect(eventually { log.consumer.events.isAnswering(partition: 0) })
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

  /// librdkafka holds all partitions for a moment whenever the group changes, as here is done by hand, and goes on behind what
  /// it has handed out: nothing may be lost or doubled there.
  @Test func partitionsThatAreHeldLoseNothing() throws {
    cluster.create("many", partitions: 4)
    nonisolated(unsafe) let many = RawProducer(cluster, "many")
    let log = try KafkaLog(cluster.options(), topic: "many", stamps: KafkaStamps(trustsProducerTime: true))
    let isDone = Atomic(false)
    let group = DispatchGroup()
    let problems = Mutex<[String]>([])
    for partition in 0..<4 {
      let reader = try log.reader(partition: partition, from: .start)
      nonisolated(unsafe) let own = reader
      group.enter()
      Thread.detachNewThread {
        let slice = LogSlice()
        var expected: Int64 = 0
        while !isDone.load(ordering: .relaxed) {
          do throws(Failure) { try own.read(into: slice, maxBytes: 1_000_000, maxRecords: 100) } catch {
            problems.withLock { $0.append(error.message) }
            break
          }
          for record in records(slice) {
            if record.offset != expected {
              problems.withLock { $0.append("partition \(partition): \(record.offset) came instead of \(expected)") }
            }
            expected = record.offset + 1
          }
        }
        group.leave()
      }
    }
    // Records have to come in the very moment in which partitions are held.
    group.enter()
    Thread.detachNewThread {
      var number = 0
      while !isDone.load(ordering: .relaxed) {
        many.append("r\(number)", partition: Int32(number % 4))
        number += 1
        if number % 16 == 0 { usleep(300) }
      }
      group.leave()
    }
    let list = KafkaPartitions(topic: "many", Array(0..<4))
    for _ in 0..<300 {
      rd_kafka_pause_partitions(log.consumer.handle, list.list)
      rd_kafka_resume_partitions(log.consumer.handle, list.list)
      usleep(5_000)
    }
    isDone.store(true, ordering: .relaxed)
    group.wait()
    #expect(problems.withLock { $0 } == [])
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
