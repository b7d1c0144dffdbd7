import Basics
import Logs

extension Log {
  /// By partition: where reading begins, and a stamp that no record before it exceeds; nil where nothing is before it.
  func beginnings(_ start: ReplayStart = .beginning) throws(Failure) -> (starts: [Int64], stamps: [Int64?]) {
    var starts: [Int64] = []
    var stamps: [Int64?] = []
    for partition in 0..<partitionCount {
      let first = try startPosition(partition: partition)
      let found: (position: LogPosition, stamp: Int64?)
      switch start {
      case .checkpoint: preconditionFailure("a checkpoint says itself where it began")
      case .beginning where first.offset == 0: found = (first, nil)
      case .beginning: found = try pass(partition, from: first) { _, _ in false }
      case .offset(let offset): found = try pass(partition, from: first) { current, _ in current < offset }
      case .time(let time): found = try pass(partition, from: first) { _, stamp in stamp < time }
      }
      starts.append(found.position.offset)
      // With no record there yet, the time now: what is before it was appended earlier.
      stamps.append(found.position.offset == 0 || !hasStamps ? nil : found.stamp ?? wallMilliseconds())
    }
    return (starts, stamps)
  }

  /// The position at an offset that is not before the log's beginning.
  func position(partition: Int, at offset: Int64) throws(Failure) -> LogPosition {
    let first = try startPosition(partition: partition)
    guard first.offset < offset else { return first }
    return try pass(partition, from: first) { current, _ in current < offset }.position
  }

  /// Reads on as long as `isBefore` says so of a record's offset and stamp: a position is known by the record before it, so it
  /// has to be read. Also the first other record's stamp; nil at the end.
  private func pass(
    _ partition: Int, from first: LogPosition, while isBefore: (Int64, Int64) -> Bool
  ) throws(Failure) -> (position: LogPosition, stamp: Int64?) {
    var position = first
    let slice = LogSlice()
    guard let next = try firstOther(partition, &position, slice, while: isBefore) else { return (position, nil) }
    guard position.offset < next.offset else { return (position, next.stamp) }
    // Again from where that read began, to the record only; a topic is read by one reader at a time.
    let reader = try self.reader(partition: partition, from: position)
    reader.bound = next.offset
    while position.offset < next.offset {
      try reader.read(into: slice, maxBytes: 1 << 20, maxRecords: 16_384)
      position = slice.end
      guard slice.count > 0 || reader.isHeldUp else { break }
    }
    return (position, next.stamp)
  }

  /// Reads on from a position, and leaves it where the read began that found such a record.
  private func firstOther(
    _ partition: Int, _ position: inout LogPosition, _ slice: LogSlice, while isBefore: (Int64, Int64) -> Bool
  ) throws(Failure) -> (offset: Int64, stamp: Int64)? {
    let reader = try reader(partition: partition, from: position)
    var heldSince: Int64?
    while true {
      try reader.read(into: slice, maxBytes: 1 << 20, maxRecords: 16_384)
      guard slice.count > 0 else {
        position = slice.end
        guard reader.isHeldUp else { return nil }
        let now = monotonicMilliseconds()
        if heldSince == nil { heldSince = now }
        guard now - heldSince! < 30_000 else {
          throw .unavailable("partition \(partition): the log did not answer within 30 s")
        }
        continue
      }
      heldSince = nil
      let row = (0..<slice.count).first { !isBefore(slice.offsets[$0], slice.stamps[$0]) }
      if let row { return (slice.offsets[row], slice.stamps[row]) }
      position = slice.end
    }
  }
}
