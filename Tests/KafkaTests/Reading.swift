import Basics
import Glibc
import Logs

/// A record as a test sees it.
struct Record: Equatable, CustomStringConvertible {
  var bytes: [UInt8]
  var fullLength: Int
  var stamp: Int64
  var offset: Int64

  var text: String { String(decoding: bytes, as: UTF8.self) }
  var description: String { "#\(offset) @\(stamp) \(fullLength) bytes \(text.prefix(40))" }
}

func records(_ slice: LogSlice) -> [Record] {
  (0..<slice.count).map { index in
    let range = slice.ranges[index]
    let bytes = UnsafeBufferPointer(start: slice.bytes + Int(range.offset), count: Int(range.length))
    return Record(
      bytes: Array(bytes), fullLength: Int(range.fullLength), stamp: slice.stamps[index], offset: slice.offsets[index])
  }
}

func milliseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
}

/// Asks until the answer is yes, for a bounded time. What is asked must take time itself, or be polled rarely.
func eventually(within limit: Int64 = 120_000, _ condition: () throws -> Bool) rethrows -> Bool {
  let deadline = milliseconds() + limit
  while milliseconds() < deadline {
    if try condition() { return true }
    usleep(2_000)
  }
  return false
}

/// Reads until the end, or until `count` records are there; false when neither comes in time.
@discardableResult
func readMore(
  _ reader: any LogReader, into all: inout [Record], count: Int? = nil, maxBytes: Int = 1 << 20,
  maxRecords: Int = 4_096,
  within limit: Int64 = 120_000
) throws -> LogPosition {
  let slice = LogSlice()
  var end = LogPosition.start
  let deadline = milliseconds() + limit
  while milliseconds() < deadline {
    try reader.read(into: slice, maxBytes: maxBytes, maxRecords: maxRecords)
    all += records(slice)
    end = slice.end
    if let count {
      if all.count >= count { return end }
    } else if slice.count == 0, !reader.isHeldUp {
      return end
    }
  }
  throw Failure.unavailable("after \(limit) ms there were \(all.count) records of \(count.map(String.init) ?? "all")")
}

func readAll(_ log: KafkaLog, _ partition: Int = 0, from position: LogPosition? = nil) throws -> [Record] {
  let start = try log.startPosition(partition: partition)
  let reader = try log.reader(partition: partition, from: position ?? start)
  var all: [Record] = []
  try readMore(reader, into: &all)
  return all
}

func texts(_ records: [Record]) -> [String] { records.map(\.text) }

/// The failure that `body` throws, or nil.
func failure(_ body: () throws -> Void) -> Failure? {
  do {
    try body()
    return nil
  } catch let failure as Failure {
    return failure
  } catch { return nil }
}
