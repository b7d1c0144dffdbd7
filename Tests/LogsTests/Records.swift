import Basics
import Logs

/// A record as a test sees it.
struct Record: Equatable, CustomStringConvertible {
  var bytes: [UInt8]
  var fullLength: Int
  var stamp: Int64
  var offset: Int64

  var description: String {
    "#\(offset) @\(stamp) \(fullLength) bytes \(String(decoding: bytes.prefix(40), as: UTF8.self))"
  }
}

func records(_ slice: LogSlice) -> [Record] {
  (0..<slice.count).map { index in
    let range = slice.ranges[index]
    let bytes = UnsafeBufferPointer(start: slice.bytes + Int(range.offset), count: Int(range.length))
    return Record(
      bytes: Array(bytes), fullLength: Int(range.fullLength), stamp: slice.stamps[index], offset: slice.offsets[index])
  }
}

/// Everything from a position to the end for now.
func readAll(_ log: any Log, _ partition: Int = 0, from position: LogPosition? = nil) throws -> [Record] {
  let start = try log.startPosition(partition: partition)
  let reader = try log.reader(partition: partition, from: position ?? start)
  let slice = LogSlice()
  var all: [Record] = []
  repeat {
    try reader.read(into: slice, maxBytes: 1 << 20, maxRecords: 4096)
    all += records(slice)
  } while slice.count > 0
  return all
}

func texts(_ records: [Record]) -> [String] { records.map { String(decoding: $0.bytes, as: UTF8.self) } }

/// A slice of the given texts, stamped.
func slice(_ texts: [String], stamp: Int64 = 0) -> LogSlice {
  let slice = LogSlice()
  for (index, text) in texts.enumerated() {
    Array(text.utf8).withUnsafeBytes { slice.append($0, stamp: stamp, offset: Int64(index)) }
  }
  return slice
}

/// The failure that `body` throws, or nil.
func failure(_ body: () throws -> Void) -> Failure? {
  do {
    try body()
    return nil
  } catch let failure as Failure {
    return failure
  } catch { return nil }
}
