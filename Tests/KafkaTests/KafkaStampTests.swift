import Basics
import Logs
import Testing

/// Where stamps come from, and that they never fall. The mock cannot stamp records itself: that is tested against a real one.
@Suite struct KafkaStampTests {
  private let cluster = MockCluster()
  private let producer: RawProducer

  init() {
    cluster.create("t", partitions: 1)
    producer = RawProducer(cluster, "t")
  }

  private func log(header: Bool = false, producerTime: Bool = false) throws -> KafkaLog {
    producer.flush()
    return try KafkaLog(
      cluster.options(), topic: "t", stamps: KafkaStamps(trustsHeader: header, trustsProducerTime: producerTime))
  }

  @Test func producersTimeIsRefusedWithTheCommandThatHelps() throws {
    producer.append("a")
    let log = try log()
    let failure = failure { _ = try readAll(log) }
    #expect(failure?.kind == .invalid)
    for part in [
      "topic t, partition 0: the record at offset 0 has no append time, but the producer's",
      "kafka-configs --alter --topic t --add-config message.timestamp.type=LogAppendTime", "trust_producer_time: true",
    ] { #expect(failure?.message.contains(part) == true, "\(part)") }
    log.close()
  }

  @Test func whatStandsBeforeTheRefusedRecordIsRead() throws {
    producer.append(Array("a".utf8), headers: [("millrace-appended-at", "7")])
    producer.append("b")
    let log = try log(header: true)
    let reader = try log.reader(partition: 0, from: .start)
    var all: [Record] = []
    let failure = failure { try readMore(reader, into: &all) }
    #expect(texts(all) == ["a"])
    #expect(failure?.message.contains("offset 1 has no append time") == true)
    log.close()
  }

  @Test mutating func producersTimeThatIsTrustedNeverFalls() throws {
    for time: Int64 in [500, 300, 700, 600] { producer.append("\(time)", time: time) }
    let log = try log(producerTime: true)
    #expect(try readAll(log).map(\.stamp) == [500, 500, 700, 700])
    // The largest so far comes from the position.
    do {
      let reader = try log.reader(partition: 0, from: .start)
      let slice = LogSlice()
      var all: [Record] = []
      var third = LogPosition.start
      while all.count < 3 {
        try reader.read(into: slice, maxBytes: 1 << 20, maxRecords: 1)
        all += records(slice)
        third = slice.end
      }
      #expect(third.byte == 700)
      withExtendedLifetime(reader) {}
      position = third
    }
    #expect(try readAll(log, from: position).map(\.stamp) == [700])
    log.close()
  }

  private var position = LogPosition.start

  @Test func headerCountsOnlyWhenItIsTrustedAndANumber() throws {
    let values = ["900", "800", "x", "", "-5", "1000000000000000000", "9999999999999999", "253402300800000", "1000"]
    for value in values { producer.append(Array("v".utf8), time: 100, headers: [("millrace-appended-at", value)]) }
    producer.append(
      Array("v".utf8), time: 1_200, headers: [("millrace-appended-at", "1"), ("millrace-appended-at", "1100")])
    producer.append("v", time: 1_300)
    let trusting = try log(header: true, producerTime: true)
    #expect(try readAll(trusting).map(\.stamp) == [900, 900, 900, 900, 900, 900, 900, 900, 1_000, 1_100, 1_300])
    trusting.close()
    let doubting = try log(producerTime: true)
    #expect(try readAll(doubting).map(\.stamp) == [100, 100, 100, 100, 100, 100, 100, 100, 100, 1_200, 1_300])
    doubting.close()
  }
}
