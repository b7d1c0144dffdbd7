import Basics
import Logs

extension Log {
  /// By partition: the first offset there is, and a stamp that no record before it exceeds; nil where nothing is before it.
  func beginnings() throws(Failure) -> (starts: [Int64], stamps: [Int64?]) {
    let starts = try starts()
    var stamps: [Int64?] = []
    for partition in 0..<partitionCount {
      stamps.append(try starts[partition] == 0 ? nil : stamp(partition: partition, from: starts[partition]))
    }
    return (starts, stamps)
  }

  /// The stamp of the first record at or behind an offset where retention ended, since stamps never fall. With no record
  /// there, the time now: what is gone was appended before.
  private func stamp(partition: Int, from offset: Int64) throws(Failure) -> Int64? {
    guard hasStamps else { return nil }
    let reader = try reader(partition: partition, from: try startPosition(partition: partition))
    let slice = LogSlice(byteCapacity: 64 << 10, recordCapacity: 16)
    let until = monotonicMilliseconds() + 10_000
    repeat {
      try reader.read(into: slice, maxBytes: 64 << 10, maxRecords: 1)
      if slice.count > 0 { return slice.stamps[0] }
    } while reader.isHeldUp && monotonicMilliseconds() < until
    return wallMilliseconds()
  }
}
