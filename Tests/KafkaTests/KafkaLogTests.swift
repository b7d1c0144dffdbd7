import Basics
import CRdKafka
import Seeded
import Testing

@testable import Logs

/// What comes out of a topic is what went in, from any position. Method: the mock cluster, and a producer that does as told.
@Suite struct KafkaLogTests {
  private let cluster = MockCluster()

  private func log(_ cluster: MockCluster? = nil) throws -> KafkaLog {
    try KafkaLog((cluster ?? self.cluster).options(), topic: "t", stamps: KafkaStamps(trustsProducerTime: true))
  }

  /// Reads all that a new topic holds after `body` has filled it, and where that ends.
  private func filled(
    _ partitions: Int32 = 1, _ properties: [String: String] = [:], _ body: (RawProducer) -> Void
  ) throws -> (log: KafkaLog, records: [Record], end: LogPosition) {
    cluster.create("t", partitions: partitions)
    let producer = RawProducer(cluster, "t", properties)
    body(producer)
    producer.flush()
    let log = try log()
    let reader = try log.reader(partition: 0, from: try log.startPosition(partition: 0))
    var all: [Record] = []
    let end = try readMore(reader, into: &all)
    return (log, all, end)
  }

  /// The laws of `Log`: slices of any size yield exactly what was appended, and so does a new reader from any position.
  @Test(arguments: UInt64(1)...6) func laws(seed: UInt64) throws {
    var dice = SeededRandom(seed: seed)
    cluster.create("t", partitions: 3)
    var expected: [[Record]] = [[], [], []]
    let codecs = ["none", "lz4", "gzip", "snappy"]
    let producer = RawProducer(cluster, "t", ["compression.codec": codecs[dice.below(codecs.count)]])
    var stamp: Int64 = 1_000
    for _ in 0..<300 {
      let partition = dice.below(3)
      stamp += Int64(dice.below(50))
      let bytes = dice.bytes(dice.below(dice.below(20) == 0 ? 70_000 : 300), from: 0...255)
      producer.append(bytes, key: "k", partition: Int32(partition), time: stamp)
      let kept = bytes.count > 65_536 ? Array(bytes.prefix(4_096)) : bytes
      let offset = Int64(expected[partition].count)
      expected[partition].append(Record(bytes: kept, fullLength: bytes.count, stamp: stamp, offset: offset))
      if dice.below(30) == 0 { producer.flush() }
    }
    producer.flush()
    let log = try log()
    for partition in 0..<3 {
      try check(log, partition, expected[partition], &dice, "seed \(seed)")
      #expect(try log.endOffset(partition: partition) == Int64(expected[partition].count))
    }
    log.close()
  }

  /// What was known of the end when the partition was read before is of that time, also while its broker answers other things.
  @Test func aPartitionReadAgainHasNoEndUntilItIsFetched() throws {
    cluster.create("t", partitions: 1)
    let log = try log()
    #expect(try readAll(log).isEmpty)
    let producer = RawProducer(cluster, "t")
    for number in 0..<100 { producer.append("\(number)", key: "k") }
    producer.flush()
    #expect(eventually { log.consumer.events.isAnswering(partition: 0) })
    cluster.setRoundTrip(milliseconds: 500)
    let reader = try log.reader(partition: 0, from: .start)
    var all: [Record] = []
    try readMore(reader, into: &all)
    #expect(all.count == 100)
    log.close()
  }

  /// librdkafka looks at a queue that was full once a second, if nobody makes it: 400 times would take minutes.
  @Test func aQueueThatWasReadIsFilledAgainAtOnce() throws {
    cluster.create("t", partitions: 1)
    let producer = RawProducer(cluster, "t", ["batch.num.messages": "1", "compression.codec": "none"])
    for number in 0..<400 { producer.append([UInt8](repeating: UInt8(number & 255), count: 2_000), key: "k") }
    producer.flush()
    let options = cluster.options(["queued.max.messages.kbytes": "1", "fetch.message.max.bytes": "2500"])
    let log = try KafkaLog(options, topic: "t", stamps: KafkaStamps(trustsProducerTime: true))
    let reader = try log.reader(partition: 0, from: try log.startPosition(partition: 0))
    var all: [Record] = []
    try readMore(reader, into: &all, count: 400, within: 60_000)
    #expect(all.map(\.offset) == Array(0..<400))
    log.close()
  }

  private func check(
    _ log: KafkaLog, _ partition: Int, _ expected: [Record], _ dice: inout SeededRandom, _ context: String
  ) throws {
    let slice = LogSlice(byteCapacity: 16, recordCapacity: 1)
    var reader = try log.reader(partition: partition, from: try log.startPosition(partition: partition))
    var read: [Record] = []
    while read.count < expected.count {
      if dice.below(3) == 0 { reader.bound = Int64(read.count + dice.below(20)) }
      let maxBytes = 1 << dice.below(18)
      let maxRecords = 1 + dice.below(dice.below(3) == 0 ? 500 : 5)
      try reader.read(into: slice, maxBytes: maxBytes, maxRecords: maxRecords)
      #expect(slice.count <= maxRecords, "\(context)")
      guard slice.count > 0 else {
        if slice.end.offset == reader.bound, !reader.isHeldUp {
          #expect(read.count == Int(reader.bound), "\(context)")
          reader.bound = .max
          continue
        }
        try #require(reader.isHeldUp, "\(context): the end came after \(read.count) records")
        continue
      }
      // No record is begun when there is no room, and the last one is whole.
      #expect(slice.byteCount - Int(slice.ranges[slice.count - 1].length) < maxBytes, "\(context)")
      read += records(slice)
      #expect(slice.end.offset == read.last!.offset + 1 && slice.end.offset <= reader.bound, "\(context)")
      if dice.below(4) > 0 { continue }
      let position = slice.end
      reader = Nothing()
      reader = try log.reader(partition: partition, from: position)
    }
    #expect(read == expected, "\(context)")
    reader.bound = .max
    try readMore(reader, into: &read)
    #expect(read.count == expected.count, "\(context)")
  }

  /// A partition has one reader at a time, so the old one goes first.
  private final class Nothing: LogReader {
    var bound = Int64.max
    func read(into slice: LogSlice, maxBytes: Int, maxRecords: Int) throws(Failure) {}
  }

  @Test func tombstonesEmptyAndLongValuesAreRecords() throws {
    let long = [UInt8](repeating: 7, count: 65_537)
    let (log, all, end) = try filled { producer in
      producer.append(nil as [UInt8]?, key: "a")
      producer.append([] as [UInt8], key: "a")
      producer.append([UInt8](repeating: 6, count: 65_536), key: "a")
      producer.append(long, key: "a")
    }
    #expect(all.map(\.fullLength) == [0, 0, 65_536, 65_537])
    #expect(all.map(\.bytes.count) == [0, 0, 65_536, 4_096])
    // The check is of the whole record, of which only the beginning is kept.
    #expect(
      end == LogPosition(offset: 4, file: 1, byte: 1_000, check: UInt64(long.withUnsafeBytes { Checksum.crc32c($0) })))
    #expect(try readAll(log, from: end) == [])
    log.close()
  }

  @Test func keysAreCountedAndNeverDecide() throws {
    let (log, all, _) = try filled(4) { producer in
      producer.append("no key")
      for key in ["a", "b", "c", "d", "e", "f", "g", "h"] { producer.append("v", key: key) }
    }
    #expect(all.count == 9)
    let right = Array("abcdefgh".utf8).count { byte in
      withUnsafeBytes(of: byte) { kafka_partition($0.baseAddress, 1, 4) == 0 }
    }
    #expect((1...7).contains(right))
    #expect(log.health.keyWarnings == Int64(9 - right))
    log.close()
  }

  @Test func growsWhileItIsRead() throws {
    cluster.create("t", partitions: 1)
    let log = try log()
    let producer = RawProducer(cluster, "t")
    let reader = try log.reader(partition: 0, from: try log.startPosition(partition: 0))
    var all: [Record] = []
    for round in 0..<5 {
      producer.append("r\(round)")
      producer.flush()
      try readMore(reader, into: &all, count: round + 1)
      try readMore(reader, into: &all)
      #expect(texts(all) == (0...round).map { "r\($0)" })
      #expect(try log.endOffset(partition: 0) == Int64(round + 1))
    }
    log.close()
  }

  @Test func aPartitionHasOneReader() throws {
    let (log, _, end) = try filled { $0.append("a") }
    do {
      let first = try log.reader(partition: 0, from: end)
      #expect(failure { _ = try log.reader(partition: 0, from: end) }?.kind == .invalid)
      _ = first
    }
    #expect(failure { _ = try log.reader(partition: 1, from: end) }?.kind == .invalid)
    #expect(try readAll(log, from: end) == [])
    log.close()
  }

  @Test func unknownTopicIsNamedWithTheCommandThatMakesIt() throws {
    cluster.remove("nowhere")
    let failure = failure { _ = try KafkaLog(cluster.options(), topic: "nowhere") }
    #expect(failure?.kind == .invalid)
    #expect(failure?.message.contains("no topic nowhere") == true)
    #expect(failure?.message.contains("kafka-topics --create --topic nowhere") == true)
  }

  @Test func noBrokerIsUnavailable() throws {
    let start = milliseconds()
    let failure = failure {
      _ = try KafkaLog(KafkaOptions(brokers: "127.0.0.1:1"), topic: "t", milliseconds: 500)
    }
    #expect(failure?.kind == .unavailable)
    #expect(failure?.message.contains("127.0.0.1:1") == true)
    #expect(milliseconds() - start < 10_000)
  }

  // A position and the log it is of.

  private func refusal(_ log: KafkaLog, _ position: LogPosition) throws -> Failure? {
    let reader = try log.reader(partition: 0, from: position)
    var all: [Record] = []
    let failure = failure { try readMore(reader, into: &all) }
    #expect(all == [])
    // It stays refused.
    #expect(refusalNow(reader) == failure)
    return failure
  }

  private func refusalNow(_ reader: any LogReader) -> Failure? {
    failure { try reader.read(into: LogSlice(), maxBytes: 100, maxRecords: 1) }
  }

  @Test func anotherLogIsRefused() throws {
    let (log, _, end) = try filled { producer in for number in 0..<10 { producer.append("r\(number)") } }
    let other = MockCluster()
    other.create("t", partitions: 1)
    let producer = RawProducer(other, "t")
    func refused(_ text: String) throws {
      let otherLog = try self.log(other)
      let failure = try refusal(otherLog, end)
      #expect(failure?.kind == .corrupt)
      #expect(failure?.message.hasPrefix("topic t, partition 0: ") == true)
      #expect(failure?.message.contains(text) == true, "\(failure?.message ?? "nothing")")
      otherLog.close()
    }
    try refused("ends at offset 0, but reading is to go on at 10")
    for number in 0..<9 { producer.append("r\(number)") }
    producer.flush()
    try refused("ends at offset 9, but reading is to go on at 10")
    producer.append("another")
    producer.flush()
    try refused("the record at offset 9 is not the one last read")
    for number in 0..<9 { producer.append("s\(number)") }
    producer.flush()
    try refused("the record at offset 9 is not the one last read")
    #expect(try readAll(log, from: end) == [])
    log.close()
  }

  /// A bound at a marker: the record behind it was shown once, and has to be fetched again when the bound goes.
  @Test func aBoundWithoutARecordLosesNothing() throws {
    let (log, _, end) = try filled { producer in for number in 0..<10 { producer.append("r\(number)") } }
    let reader = try #require(try log.reader(partition: 0, from: end) as? KafkaReader)
    reader.isToReadBack = false
    reader.position = LogPosition(offset: 5, file: 0, byte: 0, check: 0)
    reader.bound = 7
    var message = rd_kafka_message_t()
    message.offset = 8
    #expect(!reader.take(&message))
    #expect(reader.position.offset == 7 && reader.isAtEnd)
    var all: [Record] = []
    try readMore(reader, into: &all)
    #expect(all.isEmpty && reader.position.offset == 7)
    reader.bound = .max
    try readMore(reader, into: &all, count: 2)
    #expect(all.map(\.offset) == [8, 9])
    log.close()
  }

  /// Transaction markers, which the mock does not have: the end is told as if there were two.
  @Test func theEndStepsOverMarkers() throws {
    let (log, _, end) = try filled { producer in for number in 0..<10 { producer.append("r\(number)") } }
    let reader = try #require(try log.reader(partition: 0, from: end) as? KafkaReader)
    var message = rd_kafka_message_t()
    message.err = RD_KAFKA_RESP_ERR__PARTITION_EOF
    message.offset = 12
    reader.isToReadBack = false
    reader.take(event: &message)
    #expect(reader.position == LogPosition(offset: 12, file: 3, byte: end.byte, check: end.check))
    #expect(reader.isAtEnd)
    // At the same place once more, and before it: nothing moves.
    for offset: Int64 in [12, 11] {
      message.offset = offset
      reader.take(event: &message)
      #expect(reader.position.offset == 12 && reader.position.file == 3)
    }
    // A partition of which nothing was read has no last record to be behind.
    reader.position = LogPosition(offset: 5, file: 0, byte: 0, check: 0)
    reader.take(event: &message)
    #expect(reader.position == LogPosition(offset: 11, file: 0, byte: 0, check: 0))
    // Nor does it move beyond its bound.
    reader.bound = 13
    message.offset = 20
    reader.take(event: &message)
    #expect(reader.position.offset == 13 && reader.isAtEnd)
    reader.bound = .max
    // Before the last record was found again, an end behind it means that it is gone.
    reader.position = end
    reader.isToReadBack = true
    message.offset = 10
    reader.take(event: &message)
    #expect(reader.failure?.message.contains("the record at offset 9, the last one read, is no longer there") == true)
    log.close()
  }

  /// Compaction, which the mock does not have: something else comes first.
  @Test func aLastRecordThatIsGoneIsRefused() throws {
    let (log, _, end) = try filled { producer in for number in 0..<10 { producer.append("r\(number)") } }
    let reader = try #require(try log.reader(partition: 0, from: end) as? KafkaReader)
    Array("r10".utf8).withUnsafeBytes { reader.readBack(10, $0) }
    #expect(reader.failure?.kind == .corrupt)
    #expect(reader.failure?.message.contains("cleanup.policy must be delete") == true)
    log.close()
  }

  @Test func retentionThatPassedTheNextRecordStopsWithTheChoices() throws {
    cluster.create("t", partitions: 1)
    let producer = RawProducer(cluster, "t", ["linger.ms": "0", "batch.num.messages": "10"])
    for number in 0..<10 { producer.append("r\(number)") }
    producer.flush()
    let log = try log()
    var all: [Record] = []
    var reader: (any LogReader)? = try log.reader(partition: 0, from: try log.startPosition(partition: 0))
    let end = try readMore(reader!, into: &all)
    reader = nil
    // The mock keeps 5 MiB.
    for _ in 0..<200 { producer.append([UInt8](repeating: 1, count: 50_000)) }
    producer.flush()
    let low = try log.startPosition(partition: 0).offset
    #expect(low > 10)
    let failure = try refusal(log, end)
    #expect(failure?.kind == .corrupt)
    #expect(failure?.message.contains("retention has removed the records from offset 10 to \(low - 1)") == true)
    #expect(failure?.message.contains("the topic now has \(low) to 210") == true)
    // The last record read is gone, but nothing that was not read: that is no reason to stop.
    var rest: [Record] = []
    reader = try log.reader(partition: 0, from: LogPosition(offset: low, file: 1, byte: 0, check: 1))
    try readMore(reader!, into: &rest)
    #expect(rest.count == Int(210 - low))
    log.close()
  }
}
