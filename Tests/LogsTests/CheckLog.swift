import Basics
import Logs
import Seeded
import Testing

/// The laws of `Log`, for one partition of any implementation: reading in slices of random size yields exactly `expected`, and
/// so does a new reader from every position that was ever returned. A bound is a log that ends there, until it is moved.
func checkLog(_ log: any Log, partition: Int, expected: [Record], seed: UInt64) throws {
  var dice = SeededRandom(seed: seed)
  let reader = try log.reader(partition: partition, from: try log.startPosition(partition: partition))
  let slice = LogSlice(byteCapacity: 16, recordCapacity: 1)
  var read: [Record] = []
  var lastStamp = Int64.min
  while true {
    if dice.below(3) == 0 { reader.bound = Int64(read.count + dice.below(20)) }
    try reader.read(
      into: slice, maxBytes: 1 << dice.below(18), maxRecords: 1 + dice.below(dice.below(3) == 0 ? 500 : 5))
    if slice.count == 0 {
      if reader.bound == .max { break }
      #expect(read.count == min(Int(reader.bound), expected.count), "seed \(seed): bound \(reader.bound)")
      reader.bound = .max
      continue
    }
    #expect(slice.end.offset <= reader.bound, "seed \(seed)")
    for record in records(slice) {
      #expect(record.stamp >= lastStamp, "seed \(seed)")
      lastStamp = record.stamp
    }
    read += records(slice)
    guard read.count <= expected.count, read[...] == expected[..<read.count] else {
      Issue.record("seed \(seed): partition \(partition) differs before record \(read.count)")
      return
    }
    #expect(slice.end.offset == read.last!.offset + 1, "seed \(seed)")
    let rest = try readAll(log, partition, from: slice.end)
    #expect(rest == Array(expected[read.count...]), "seed \(seed): from \(slice.end)")
  }
  #expect(read.count == expected.count, "seed \(seed): partition \(partition)")
}
