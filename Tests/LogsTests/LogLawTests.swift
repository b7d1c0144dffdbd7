import Basics
import Compressed
import Logs
import Seeded
import Testing

/// The laws of `Log`, run against every implementation with records made from a seed.
@Suite struct LogLawTests {
  @Test(arguments: UInt64(1)...12) func segmentLog(seed: UInt64) throws {
    var dice = SeededRandom(seed: seed)
    let scratch = Scratch()
    var options = SegmentLogOptions()
    options.segmentBytes = 2_000 + dice.below(20_000)
    options.batchBytes = 200 + dice.below(4_000)
    options.reserveBytes = 0
    var log = try SegmentLog(directory: scratch.path, topic: "t", partitions: 3, options: options)
    var expected: [[Record]] = [[], [], []]
    var stamp: Int64 = 1_000
    for round in 0..<40 {
      let partition = dice.below(3)
      let slice = LogSlice()
      for _ in 0..<dice.below(30) {
        stamp += Int64(dice.below(50))
        let bytes = dice.bytes(dice.below(dice.below(10) == 0 ? 9_000 : 300), from: 0...255)
        let offset = Int64(expected[partition].count)
        bytes.withUnsafeBytes { slice.append($0, stamp: stamp, offset: 0) }
        expected[partition].append(Record(bytes: bytes, fullLength: bytes.count, stamp: stamp, offset: offset))
      }
      let offset = try log.append(slice, partition: partition)
      #expect(Int(offset) + slice.count == expected[partition].count)
      if dice.below(3) == 0 { try log.sync() }
      if round == 20 {
        try log.sync()
        log = try reopened(&log, scratch.path, options)
      }
    }
    try log.sync()
    for partition in 0..<3 {
      try checkLog(log, partition: partition, expected: expected[partition], seed: seed)
      #expect(try log.endOffset(partition: partition) == Int64(expected[partition].count))
    }
    log = try reopened(&log, scratch.path, options)
    #expect(log.recovered == [])
    for partition in 0..<3 { try checkLog(log, partition: partition, expected: expected[partition], seed: seed) }
  }

  /// The lock is released with the last reference, so the old log must go first.
  private func reopened(_ log: inout SegmentLog, _ path: String, _ options: SegmentLogOptions) throws -> SegmentLog {
    log = try SegmentLog(directory: path, topic: "t", partitions: 3, options: options, readOnly: true)
    return try SegmentLog(directory: path, topic: "t", partitions: nil, options: options)
  }

  @Test(arguments: UInt64(1)...12) func files(seed: UInt64) throws {
    var dice = SeededRandom(seed: seed)
    let scratch = Scratch()
    var paths: [String] = []
    var lines: [[[UInt8]]] = []
    for file in 0..<4 {
      var text: [UInt8] = []
      lines.append([])
      for line in 0..<dice.below(200) {
        if dice.below(8) == 0 { text += ["\n", " \t\n", "\r\n", "  \r\n"][dice.below(4)].utf8 }
        var bytes = dice.bytes(1 + dice.below(dice.below(40) == 0 ? 90_000 : 300))
        if dice.below(5) == 0 { bytes[dice.below(bytes.count)] = 0 }
        lines[file].append(bytes)
        text += bytes
        if line < 150 || dice.below(3) > 0 { text += dice.below(4) == 0 ? [13, 10] : [10] } else { break }
      }
      let middle = dice.below(text.count + 1)
      switch dice.below(3) {
      case 0: paths.append(scratch.write("\(file).ndjson", text))
      case 1: paths.append(scratch.write("\(file).gz", gzip(Array(text[..<middle])) + gzip(Array(text[middle...]))))
      default: paths.append(scratch.write("\(file).zst", zstd(Array(text[..<middle])) + zstd(Array(text[middle...]))))
      }
    }
    func expected(_ lines: [[UInt8]]) -> [Record] {
      lines.enumerated().map { index, bytes in
        Record(
          bytes: Array(bytes.prefix(FileLog.lineLimit + 1)), fullLength: bytes.count, stamp: .min, offset: Int64(index))
      }
    }
    let keyed = try FileLog(paths: paths, shape: .keyed)
    #expect(keyed.partitionCount == 4)
    for file in 0..<4 { try checkLog(keyed, partition: file, expected: expected(lines[file]), seed: seed) }
    let sequence = try FileLog(paths: paths, shape: .sequence)
    try checkLog(sequence, partition: 0, expected: expected(lines.flatMap { $0 }), seed: seed)
  }
}
