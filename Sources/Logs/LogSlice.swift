import Basics

/// Records of one partition in log order: one contiguous buffer and columns beside it. Reused from read to read.
///
/// The buffer always has `padding` readable bytes behind the last record, which the JSON parser needs.
public final class LogSlice {
  public static let padding = 64

  public private(set) var bytes: UnsafeMutablePointer<UInt8>
  public private(set) var byteCapacity: Int
  /// Bytes of the buffer in use.
  public var byteCount = 0

  public private(set) var ranges: UnsafeMutablePointer<ByteRange>
  /// Append stamps in milliseconds; `Int64.min` when the log has none.
  public private(set) var stamps: UnsafeMutablePointer<Int64>
  /// Each record's offset. They rise, and may leave gaps.
  public private(set) var offsets: UnsafeMutablePointer<Int64>
  public private(set) var recordCapacity: Int
  public private(set) var count = 0

  /// Where reading goes on after these records.
  public var end = LogPosition.start

  public init(byteCapacity: Int = 1 << 20, recordCapacity: Int = 4096) {
    self.byteCapacity = byteCapacity
    self.recordCapacity = recordCapacity
    bytes = .allocate(capacity: byteCapacity + LogSlice.padding)
    bytes.initialize(repeating: 0, count: byteCapacity + LogSlice.padding)
    ranges = .allocate(capacity: recordCapacity)
    stamps = .allocate(capacity: recordCapacity)
    offsets = .allocate(capacity: recordCapacity)
  }

  deinit {
    bytes.deallocate()
    ranges.deallocate()
    stamps.deallocate()
    offsets.deallocate()
  }

  public func clear() {
    count = 0
    byteCount = 0
  }

  /// Swaps all content with another slice, without copying: how a reader hands over what it has prepared.
  public func exchange(with other: LogSlice) {
    swap(&bytes, &other.bytes)
    swap(&byteCapacity, &other.byteCapacity)
    swap(&byteCount, &other.byteCount)
    swap(&ranges, &other.ranges)
    swap(&stamps, &other.stamps)
    swap(&offsets, &other.offsets)
    swap(&recordCapacity, &other.recordCapacity)
    swap(&count, &other.count)
    swap(&end, &other.end)
  }

  /// Makes room for `capacity` bytes in all; content is kept, pointers are not.
  public func reserve(bytes capacity: Int) {
    guard capacity > byteCapacity else { return }
    let larger = max(capacity, byteCapacity * 2)
    let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger + LogSlice.padding)
    moved.update(from: bytes, count: byteCount)
    (moved + byteCount).initialize(repeating: 0, count: larger + LogSlice.padding - byteCount)
    bytes.deallocate()
    bytes = moved
    byteCapacity = larger
  }

  /// Adds the description of a record whose bytes are already in the buffer.
  public func add(range: ByteRange, stamp: Int64, offset: Int64) {
    if count == recordCapacity { growRecords() }
    ranges[count] = range
    stamps[count] = stamp
    offsets[count] = offset
    count += 1
  }

  /// Forgets the descriptions of all records after the first `count`; their bytes stay.
  public func truncate(count: Int) {
    precondition(count <= self.count, "truncate to \(count) of \(self.count)")
    self.count = count
  }

  /// Copies one record in.
  public func append(_ record: UnsafeRawBufferPointer, fullLength: UInt32? = nil, stamp: Int64, offset: Int64) {
    reserve(bytes: byteCount + record.count)
    if record.count > 0 {
      UnsafeMutableRawPointer(bytes + byteCount).copyMemory(from: record.baseAddress!, byteCount: record.count)
    }
    add(
      range: ByteRange(offset: UInt32(byteCount), length: UInt32(record.count), fullLength: fullLength), stamp: stamp,
      offset: offset)
    byteCount += record.count
  }

  private func growRecords() {
    let larger = recordCapacity * 2
    func moved<T>(_ old: UnsafeMutablePointer<T>) -> UnsafeMutablePointer<T> {
      let new = UnsafeMutablePointer<T>.allocate(capacity: larger)
      new.update(from: old, count: count)
      old.deallocate()
      return new
    }
    ranges = moved(ranges)
    stamps = moved(stamps)
    offsets = moved(offsets)
    recordCapacity = larger
  }
}
