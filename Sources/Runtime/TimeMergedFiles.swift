import Basics
import Events
import Logs

/// Records of several files in the order of their own times, so that files of the same days never make each other late.
/// Within a file the order stays; records without a usable time keep their place.
final class TimeMergedFiles {
  private struct Cursor {
    let reader: any LogReader
    let slice = LogSlice()
    let batch = EventBatch(projection: Projection())
    var row = 0
    /// The largest time seen so far: a record out of order waits for no other file.
    var time = Int64.min
    var isAtEnd = false
  }

  private var cursors: [Cursor] = []

  struct Record {
    var bytes: UnsafeRawBufferPointer
    /// Nil when the record cannot be used.
    var time: Int64?
    var partitionHash: UInt32
  }

  init(_ files: FileLog) throws(Failure) {
    for partition in 0..<files.partitionCount {
      var cursor = Cursor(reader: try files.reader(partition: partition, from: .start))
      try TimeMergedFiles.advance(&cursor)
      cursors.append(cursor)
    }
  }

  /// The next record, valid until the next call; nil at the end.
  func next() throws(Failure) -> Record? {
    if let last { try TimeMergedFiles.step(&cursors[last]) }
    last = nil
    var least: Int?
    for index in cursors.indices where !cursors[index].isAtEnd {
      if least == nil || cursors[index].time < cursors[least!].time { least = index }
    }
    guard let least else { return nil }
    last = least
    let cursor = cursors[least]
    let range = cursor.slice.ranges[cursor.row]
    let isUsable = cursor.batch.status[cursor.row] == 0
    return Record(
      bytes: UnsafeRawBufferPointer(start: cursor.slice.bytes + Int(range.offset), count: Int(range.length)),
      time: isUsable ? cursor.batch.time[cursor.row] : nil,
      partitionHash: isUsable ? cursor.batch.partitionHash[cursor.row] : 0)
  }

  private var last: Int?

  private static func step(_ cursor: inout Cursor) throws(Failure) {
    cursor.row += 1
    try advance(&cursor)
  }

  private static func advance(_ cursor: inout Cursor) throws(Failure) {
    if cursor.row == cursor.slice.count {
      cursor.row = 0
      try cursor.reader.read(into: cursor.slice, maxBytes: 4 << 20, maxRecords: 16_384)
      if cursor.slice.count == 0 {
        cursor.isAtEnd = true
        return
      }
      cursor.batch.decode(cursor.slice.bytes, ranges: cursor.slice.ranges, count: cursor.slice.count)
    }
    if cursor.batch.status[cursor.row] == 0 { cursor.time = max(cursor.time, cursor.batch.time[cursor.row]) }
  }
}
