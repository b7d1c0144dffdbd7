import Basics
import Glibc
import Seeded
import Testing

@testable import Logs

/// What a crash or a bad disk leaves behind, made by cutting and flipping every byte of a small log: acknowledged records
/// come back or the log says where it is damaged; it never yields anything else.
@Suite struct SegmentCrashTests {
  private let scratch = Scratch()
  private var options = SegmentLogOptions()
  private let file: String
  /// The file's content, and where its batches begin and end.
  private let intact: [UInt8]
  private let borders: [Int]

  init() throws {
    options.reserveBytes = 0
    let log = try SegmentLog(directory: scratch.path, topic: "t", partitions: 2, options: options)
    var borders = [0]
    for number in 0..<5 {
      try log.append(slice(["a\(number)", "b\(number)"], stamp: Int64(number)), partition: 0)
      try log.sync()
      borders.append(log.segments[0].byteCount)
    }
    try log.append(slice(["other"]), partition: 1)
    try log.sync()
    file = log.segments[0].path
    intact = scratch.read(file)
    self.borders = borders
    #expect(borders.last == intact.count)
  }

  private func open() throws -> SegmentLog {
    try SegmentLog(directory: scratch.path, topic: "t", partitions: 2, options: options)
  }

  private func all(_ batches: Int) -> [String] { (0..<batches).flatMap { ["a\($0)", "b\($0)"] } }

  @Test func tornTailIsCutAndAppendingGoesOn() throws {
    for length in 0...intact.count {
      scratch.overwrite(file, Array(intact[..<length]))
      let whole = borders.lastIndex { $0 <= length }!
      let log = try open()
      #expect(log.recovered.count == (borders.contains(length) ? 0 : 1), "\(length)")
      #expect(try texts(readAll(log)) == all(whole), "\(length)")
      #expect(log.lastStamp(partition: 0) == (whole == 0 ? nil : Int64(whole - 1)))
      try log.append(slice(["new"], stamp: 9), partition: 0)
      try log.sync()
      #expect(try texts(readAll(log)) == all(whole) + ["new"], "\(length)")
    }
  }

  @Test func tornTailIsLeftAloneByAReader() throws {
    scratch.overwrite(file, Array(intact.dropLast()))
    let log = try SegmentLog(directory: scratch.path, topic: "t", partitions: 2, options: options, readOnly: true)
    #expect(try texts(readAll(log)) == all(4))
    #expect(scratch.read(file).count == intact.count - 1)
    #expect(failure { try log.append(slice(["x"]), partition: 0) }?.kind == .invalid)
  }

  @Test func tailOfGarbageIsCut() throws {
    var dice = SeededRandom(seed: 5)
    for garbage in [[UInt8](repeating: 0, count: 5_000), dice.bytes(300, from: 0...255), Array(intact[..<borders[1]])] {
      scratch.overwrite(file, intact + garbage)
      let log = try open()
      #expect(log.recovered.count == 1)
      #expect(try texts(readAll(log)) == all(5))
    }
  }

  @Test func flippedByteIsCutAtTheEndAndCorruptBefore() throws {
    for byte in intact.indices {
      var bytes = intact
      bytes[byte] ^= 1 << UInt8(byte % 8)
      scratch.overwrite(file, bytes)
      let batch = borders.lastIndex { $0 <= byte }!
      let log = try open()
      let reader = try log.reader(partition: 0, from: .start)
      let slice = LogSlice()
      var read: [String] = []
      let failure = failure {
        repeat {
          try reader.read(into: slice, maxBytes: 1 << 20, maxRecords: 3)
          read += texts(records(slice))
        } while slice.count > 0
      }
      #expect(read == all(batch), "byte \(byte)")
      if batch == 4 {
        #expect(failure == nil && log.recovered.count == 1, "byte \(byte)")
      } else {
        #expect(failure?.kind == .corrupt && failure!.message.contains("\(file): the batch at byte \(borders[batch])"))
        #expect(log.recovered == [] && scratch.read(file) == bytes, "byte \(byte)")
        #expect(throws: Failure.self) { try log.append(LogSlice(), partition: 0) }
      }
      #expect(try texts(readAll(log, 1)) == ["other"])
    }
  }

  @Test func damageInAnEarlierSegmentStopsReadersOnly() throws {
    var options = options
    options.segmentBytes = 100
    var log: SegmentLog? = try SegmentLog(directory: scratch.path, topic: "u", partitions: 1, options: options)
    for number in 0..<4 {
      try log!.append(slice(["a\(number)", "b\(number)"]), partition: 0)
      try log!.sync()
    }
    let first = log!.segments[0].path
    #expect(log!.segments.count == 2)
    log = nil
    var bytes = scratch.read(first)
    bytes[BatchHeader.byteCount + 2] ^= 4
    scratch.overwrite(first, bytes)
    log = try SegmentLog(directory: scratch.path, topic: "u", partitions: 1, options: options)
    #expect(failure { _ = try readAll(log!) }?.kind == .corrupt)
    try log!.append(slice(["new"]), partition: 0)
    try log!.sync()
    #expect(try log!.endOffset(partition: 0) == 9)
    unlink(first)
    #expect(failure { _ = try readAll(log!) }?.message.contains("the file is gone") == true)
  }

  /// A crash between creating a segment and writing to it.
  @Test func emptyLastSegmentKeepsOffsetsAndStamps() throws {
    scratch.overwrite("\(scratch.path)/t/p-000/00000000000000000010.seg", [])
    let log = try open()
    #expect(log.lastStamp(partition: 0) == 4)
    #expect(failure { try log.append(slice(["x"], stamp: 3), partition: 0) }?.kind == .invalid)
    #expect(try log.append(slice(["new"], stamp: 4), partition: 0) == 10)
    try log.sync()
    #expect(try texts(readAll(log)) == all(5) + ["new"])
  }
}
