import Basics
import Events
import Logs

/// Records of several files in the order of their own times, so that files of the same days never make each other late.
/// Within a file the order stays; records without a usable time keep their place.
final class TimeMergedFiles {
  private final class Cursor {
    let reader: any LogReader
    /// Its place among the files: of records of the same time the first file's come first.
    let number: Int
    let slice = LogSlice(byteCapacity: 64 << 10, recordCapacity: 256)
    let batch = EventBatch(projection: Projection())
    var row = 0
    /// The largest time seen so far: a record out of order waits for no other file.
    var time = Int64.min

    init(_ reader: any LogReader, number: Int) {
      self.reader = reader
      self.number = number
    }

    /// To the next record; false at the end.
    func advance(readBytes: Int) throws(Failure) -> Bool {
      row += 1
      if row >= slice.count {
        row = 0
        try reader.read(into: slice, maxBytes: readBytes, maxRecords: 16_384)
        if slice.count == 0 { return false }
        batch.decode(slice.bytes, ranges: slice.ranges, count: slice.count)
      }
      if batch.status[row] == 0 { time = max(time, batch.time[row]) }
      return true
    }

    func precedes(_ other: Cursor) -> Bool { time != other.time ? time < other.time : number < other.number }
  }

  /// Text held of all files together, unless they are so many that each has only the least a reader takes.
  private static let heldBytes = 128 << 20

  /// Cursors that are not at their end, as a binary heap: no other precedes the first.
  private var heap: [Cursor] = []
  /// Whether the first cursor's record was handed out.
  private var isTaken = false
  private let readBytes: Int

  struct Record {
    var bytes: UnsafeRawBufferPointer
    /// Nil when the record cannot be used.
    var time: Int64?
    var partitionHash: UInt32
  }

  init(_ files: FileLog) throws(Failure) {
    readBytes = min(4 << 20, max(64 << 10, TimeMergedFiles.heldBytes / files.partitionCount))
    for partition in 0..<files.partitionCount {
      let cursor = Cursor(try files.reader(partition: partition, from: .start), number: partition)
      if try cursor.advance(readBytes: readBytes) { heap.append(cursor) }
    }
    for index in (0..<heap.count / 2).reversed() { sink(index) }
  }

  /// The next record, valid until the next call; nil at the end.
  func next() throws(Failure) -> Record? {
    if isTaken { try step() }
    guard let first = heap.first else { return nil }
    isTaken = true
    let range = first.slice.ranges[first.row]
    let isUsable = first.batch.status[first.row] == 0
    return Record(
      bytes: UnsafeRawBufferPointer(start: first.slice.bytes + Int(range.offset), count: Int(range.length)),
      time: isUsable ? first.batch.time[first.row] : nil,
      partitionHash: isUsable ? first.batch.partitionHash[first.row] : 0)
  }

  private func step() throws(Failure) {
    isTaken = false
    if try !heap[0].advance(readBytes: readBytes) {
      heap[0] = heap[heap.count - 1]
      heap.removeLast()
    }
    sink(0)
  }

  private func sink(_ start: Int) {
    var index = start
    while true {
      var least = index
      for child in 2 * index + 1...2 * index + 2 where child < heap.count && heap[child].precedes(heap[least]) {
        least = child
      }
      if least == index { return }
      heap.swapAt(index, least)
      index = least
    }
  }
}
