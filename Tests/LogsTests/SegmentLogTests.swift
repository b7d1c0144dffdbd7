import Basics
import Glibc
import Seeded
import Synchronization
import Testing

@testable import Logs

/// The embedded log's promises one by one: durability before visibility, stamps, one writer, identity, retention.
@Suite final class SegmentLogTests {
  private let scratch = Scratch()
  private var options = SegmentLogOptions()

  init() { options.reserveBytes = 0 }

  private func open(_ partitions: Int? = 1, readOnly: Bool = false) throws -> SegmentLog {
    try SegmentLog(
      directory: scratch.path, topic: "t", partitions: partitions, options: options, readOnly: readOnly, now: 0)
  }

  private func live(_ log: SegmentLog, _ text: String, now: Int64, elapsed: Int64) throws -> Int64 {
    let bytes = Array(text.utf8)
    return try bytes.withUnsafeBytes { bytes in
      try withUnsafePointer(to: ByteRange(offset: 0, length: UInt32(bytes.count))) { range in
        try log.append(
          bytes, ranges: UnsafeBufferPointer(start: range, count: 1), partition: 0, now: now,
          monotonic: ClockGuard.monotonicMilliseconds() + elapsed)
      }
    }
  }

  @Test func readersSeeOnlyWhatIsSynced() throws {
    let seenDuringSync = Mutex<[Int64?]>([])
    let holder = Mutex<SegmentLog?>(nil)
    var options = options
    options.syncFile = { descriptor in
      let log = holder.withLock { $0 }
      seenDuringSync.withLock { $0.append(try! log?.endOffset(partition: 0)) }
      return fdatasync(descriptor)
    }
    let log = try SegmentLog(directory: scratch.path, topic: "t", partitions: 1, options: options)
    holder.withLock { $0 = log }
    defer { holder.withLock { $0 = nil } }
    let reader = try log.reader(partition: 0, from: .start)
    let out = LogSlice()
    for number in 0..<3 {
      try log.append(slice(["\(number)"]), partition: 0)
      try reader.read(into: out, maxBytes: 1_000, maxRecords: 10)
      #expect(out.count == 0)
      try log.sync()
      try reader.read(into: out, maxBytes: 1_000, maxRecords: 10)
      #expect(texts(records(out)) == ["\(number)"])
    }
    #expect(seenDuringSync.withLock { $0 } == [0, 1, 2])
  }

  @Test(arguments: [false, true]) func whatAKilledProcessWroteIsSyncedBeforeItIsRead(readOnly: Bool) throws {
    // A sync that does nothing stands for a process that was killed just before it.
    var careless = options
    careless.syncFile = { _ in 0 }
    var killed: SegmentLog? = try SegmentLog(directory: scratch.path, topic: "t", partitions: 2, options: careless)
    try killed?.append(slice(["a"]), partition: 1)
    try killed?.sync()
    killed = nil
    let synced = Mutex<[Int]>([])
    var watching = options
    watching.syncFile = { descriptor in
      var status = stat()
      fstat(descriptor, &status)
      synced.withLock { $0.append(Int(status.st_size)) }
      return fdatasync(descriptor)
    }
    let log = try SegmentLog(
      directory: scratch.path, topic: "t", partitions: nil, options: watching, readOnly: readOnly)
    #expect(synced.withLock { $0 } == [log.segments[0].byteCount])
    #expect(try texts(readAll(log, 1)) == ["a"])
  }

  @Test func aMediumThatCannotBeWrittenIsRead() throws {
    var log: SegmentLog? = try SegmentLog(directory: scratch.path, topic: "t", partitions: 1, options: options)
    try log?.append(slice(["a"]), partition: 0)
    try log?.sync()
    log = nil
    var readOnly = options
    readOnly.syncFile = { _ in
      errno = EINVAL
      return -1
    }
    let found = try SegmentLog(directory: scratch.path, topic: "t", partitions: nil, options: readOnly, readOnly: true)
    #expect(try texts(readAll(found)) == ["a"])
  }

  @Test func manyThreadsShareOneSync() throws {
    let syncs = Atomic<Int>(0)
    var options = options
    options.syncFile = { descriptor in
      syncs.add(1, ordering: .relaxed)
      return fdatasync(descriptor)
    }
    let log = try SegmentLog(directory: scratch.path, topic: "t", partitions: 2, options: options)
    let threads = 8
    let rounds = 60
    let early = Atomic<Int>(0)
    runThreads(threads) { thread in
      for round in 0..<rounds {
        let offset = try! log.append(slice(["\(thread) \(round)"]), partition: thread % 2)
        try! log.sync()
        if try! log.endOffset(partition: thread % 2)! <= offset { early.add(1, ordering: .relaxed) }
      }
    }
    #expect(early.load(ordering: .relaxed) == 0)
    var all: [String] = []
    for partition in 0..<2 { all += texts(try readAll(log, partition)) }
    #expect(all.count == threads * rounds)
    for thread in 0..<threads {
      #expect(all.filter { $0.hasPrefix("\(thread) ") } == (0..<rounds).map { "\(thread) \($0)" })
    }
    #expect(syncs.load(ordering: .relaxed) < threads * rounds)
  }

  @Test func fullDiskLosesNothingAndIsForgivenLater() throws {
    let isFull = Atomic<Bool>(false)
    options.writeFile = { descriptor, bytes, count, offset in
      guard isFull.load(ordering: .relaxed) else { return pwrite(descriptor, bytes, count, off_t(offset)) }
      // Half of it fits, the rest does not.
      if count > 40 { return pwrite(descriptor, bytes, count / 2, off_t(offset)) }
      errno = ENOSPC
      return -1
    }
    let log = try open()
    try log.append(slice(["safe"]), partition: 0)
    try log.sync()
    let size = scratch.read(log.segments[0].path).count
    isFull.store(true, ordering: .relaxed)
    try log.append(slice(["waits"]), partition: 0)
    for _ in 0..<2 {
      let failure = failure { try log.sync() }
      #expect(failure?.kind == .unavailable && failure!.message.contains("No space left"))
      #expect(scratch.read(log.segments[0].path).count == size)
      #expect(try texts(readAll(log)) == ["safe"])
    }
    isFull.store(false, ordering: .relaxed)
    try log.append(slice(["later"]), partition: 0)
    try log.sync()
    #expect(try texts(readAll(log)) == ["safe", "waits", "later"])
  }

  @Test func fullDiskBoundsWhatWaitsInMemory() throws {
    options.writeFile = { _, _, _, _ in
      errno = ENOSPC
      return -1
    }
    let log = try open()
    var dice = SeededRandom(seed: 3)
    let noise = String(decoding: dice.bytes(500_000), as: UTF8.self)
    var taken = 0
    while taken < 100, failure({ try log.append(slice([noise]), partition: 0) }) == nil { taken += 1 }
    #expect(taken < 10)
  }

  @Test func failedSyncEndsAppendingUntilReopened() throws {
    let fails = Atomic<Bool>(false)
    options.syncFile = { descriptor in
      guard fails.load(ordering: .relaxed) else { return fdatasync(descriptor) }
      errno = EIO
      return -1
    }
    var log: SegmentLog? = try open()
    try log!.append(slice(["safe"]), partition: 0)
    try log!.sync()
    fails.store(true, ordering: .relaxed)
    try log!.append(slice(["unknown"]), partition: 0)
    #expect(failure { try log!.sync() }?.kind == .unavailable)
    fails.store(false, ordering: .relaxed)
    #expect(failure { try log!.append(slice(["no"]), partition: 0) }?.message.contains("opened again") == true)
    #expect(failure { try log!.sync() }?.kind == .unavailable)
    #expect(try texts(readAll(log!)) == ["safe"])
    log = nil
    #expect(try texts(readAll(try open())).first == "safe")
  }

  @Test func reserveRefusesAppends() throws {
    let log = try open()
    log.setReserve(bytes: .max)
    let failure = failure { try log.append(slice(["x"]), partition: 0) }
    #expect(failure?.kind == .unavailable && failure!.message.contains("reserve"))
    log.setReserve(bytes: 0)
    try log.append(slice(["x"]), partition: 0)
    #expect(log.diskSpace.free > 0 && log.diskSpace.total > log.diskSpace.free)
  }

  @Test func liveStampsNeverFall() throws {
    let log = try open()
    for (now, text) in [(1_000, "a"), (400, "b"), (1_001, "c")] as [(Int64, String)] {
      _ = try live(log, text, now: now, elapsed: 0)
    }
    try log.sync()
    #expect(try readAll(log).map(\.stamp) == [1_000, 1_000, 1_001])
    #expect(log.lastStamp(partition: 0) == 1_001)
  }

  @Test func fallingStampsAreRefusedWhole() throws {
    let log = try open()
    let mixed = slice(["a", "b"], stamp: 5)
    mixed.stamps[1] = 4
    #expect(failure { try log.append(mixed, partition: 0) }?.kind == .invalid)
    #expect(try log.append(slice(["c"], stamp: 5), partition: 0) == 0)
    #expect(failure { try log.append(slice(["d"], stamp: 4), partition: 0) }?.kind == .invalid)
  }

  @Test func clockThatLeapsMustBeConfirmed() throws {
    let hour = Timestamp.hour
    let log = try open()
    _ = try live(log, "a", now: 1_000, elapsed: 0)
    _ = try live(log, "idle for two days", now: 48 * hour, elapsed: 48 * hour)
    for _ in 0..<2 {
      let leap = failure { _ = try live(log, "no", now: 50 * hour, elapsed: 48 * hour) }
      #expect(leap?.kind == .unavailable && leap!.message.contains("confirm"))
    }
    _ = try live(log, "clock set back", now: 40 * hour, elapsed: 48 * hour)
    _ = try live(log, "and right again", now: 48 * hour + 1, elapsed: 48 * hour)
    log.confirmClock(now: 50 * hour, monotonic: ClockGuard.monotonicMilliseconds() + 48 * hour)
    _ = try live(log, "confirmed", now: 50 * hour, elapsed: 48 * hour)
  }

  @Test func oneWriterManyReaders() throws {
    let log = try open(2)
    let second = failure { _ = try open(2) }
    #expect(second?.kind == .unavailable && second!.message.contains("process \(getpid())"))
    try log.append(slice(["x"]), partition: 1)
    try log.sync()
    #expect(try texts(readAll(try open(nil, readOnly: true), 1)) == ["x"])
  }

  @Test func identityIsChecked() throws {
    #expect(failure { _ = try open(1, readOnly: true) }?.kind == .invalid)
    #expect(failure { _ = try open(nil) }?.kind == .invalid)
    _ = try open(4)
    let other = failure { _ = try open(8) }
    #expect(other?.kind == .invalid && other!.message.contains("4 partitions, not 8"))
    #expect(try open(nil).partitionCount == 4)
    scratch.write("t/log.json", #"{"format": 2, "partitions": 4}"#)
    #expect(failure { _ = try open(4) }?.message.contains("newer millrace") == true)
    scratch.write("t/log.json", "{}")
    #expect(failure { _ = try open(4) }?.kind == .corrupt)
  }

  @Test func positionOfAnotherLogIsRefused() throws {
    let log = try open()
    try log.append(slice(["a", "b", "c"]), partition: 0)
    try log.sync()
    let reader = try log.reader(partition: 0, from: .start)
    let out = LogSlice()
    try reader.read(into: out, maxBytes: 100, maxRecords: 2)
    var position = out.end
    #expect(try texts(readAll(log, from: position)) == ["c"])
    position.check ^= 1
    #expect(failure { _ = try log.reader(partition: 0, from: position) }?.message.contains("not of this log") == true)
    position.offset = 4
    #expect(failure { _ = try log.reader(partition: 0, from: position) }?.kind == .corrupt)
  }

  @Test func retentionRemovesWholeSegmentsButNeverTheLast() throws {
    options.segmentBytes = 1
    options.retentionMilliseconds = 60_000
    let log = try open()
    for number in 0..<5 {
      try log.append(slice(["\(number)"], stamp: 1_000_000_000_000_000), partition: 0)
      try log.sync()
    }
    #expect(log.segments.count == 5)
    let lagging = try log.reader(partition: 0, from: .start)
    let out = LogSlice()
    try lagging.read(into: out, maxBytes: 1, maxRecords: 1)
    let position = out.end
    let now = ClockGuard.wallMilliseconds()
    #expect(try log.applyRetention(now: now) == [])
    #expect(try log.applyRetention(now: now + 120_000).map(\.base) == [0, 1, 2, 3])
    #expect(log.startOffset(partition: 0) == 4)
    #expect(try texts(readAll(log)) == ["4"])
    #expect(failure { _ = try log.reader(partition: 0, from: .start) }?.message.contains("begins at offset 4") == true)
    #expect(failure { _ = try log.reader(partition: 0, from: position) }?.kind == .invalid)
    #expect(failure { try lagging.read(into: out, maxBytes: 1, maxRecords: 1) }?.kind == .invalid)
  }

  @Test func retentionBySizeTakesTheOldest() throws {
    options.segmentBytes = 1
    options.retentionBytes = 300
    let log = try open(2)
    for number in 0..<6 {
      try log.append(slice(["\(number)"]), partition: number % 2)
      try log.sync()
    }
    let removed = try log.applyRetention(now: 0)
    #expect(!removed.isEmpty && log.byteCount <= 300)
    for partition in 0..<2 { #expect(try readAll(log, partition).last != nil) }
  }

  @Test func largeAppendIsOneCall() throws {
    options.segmentBytes = 1 << 20
    let log = try open()
    var dice = SeededRandom(seed: 9)
    let big = (0..<3).map { _ in String(decoding: dice.bytes(700_000), as: UTF8.self) }
    try log.append(slice(big + ["", "small"]), partition: 0)
    try log.append(slice(big), partition: 0)
    try log.sync()
    #expect(try texts(readAll(log)) == big + ["", "small"] + big)
    #expect(log.segments.count > 1)
  }
}
