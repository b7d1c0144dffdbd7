import Basics

/// Collects records until they are worth a batch, then compresses and frames them.
struct BatchBuilder: ~Copyable {
  private var raw = ByteWriter(capacity: 1 << 16)
  private var room = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
  private let zstd = Zstd()
  private var firstStamp: Int64 = 0
  private var lastStamp: Int64 = 0
  private var base: Int64
  private(set) var count = 0

  /// - Parameter base: the offset of the first record to come.
  init(base: Int64) { self.base = base }

  deinit { room.deallocate() }

  /// Uncompressed bytes collected.
  var byteCount: Int { raw.count }

  /// Stamps must not fall; the caller has checked.
  mutating func add(_ record: UnsafeRawBufferPointer, stamp: Int64) {
    if count == 0 {
      firstStamp = stamp
      lastStamp = stamp
    }
    raw.varint(UInt64(bitPattern: stamp &- lastStamp))
    raw.text(record)
    lastStamp = stamp
    count += 1
  }

  /// Appends the batch to `output` and begins the next one. Does nothing without records.
  mutating func seal(into output: inout ByteWriter) {
    guard count > 0 else { return }
    let bound = Zstd.bound(raw.count)
    if room.count < bound {
      room.deallocate()
      room = .allocate(byteCount: bound, alignment: 16)
    }
    let size = zstd.compress(raw.bytes, into: room)
    let isCompressed = size < raw.count
    let stored = isCompressed ? UnsafeRawBufferPointer(rebasing: room[..<size]) : raw.bytes
    let header = BatchHeader(
      payloadCheck: Checksum.crc32c(stored), storedBytes: stored.count, rawBytes: raw.count, records: count,
      base: base, firstStamp: firstStamp, lastStamp: lastStamp, isCompressed: isCompressed)
    header.encode(into: &output)
    output.raw(stored)
    base = header.end
    count = 0
    raw.clear()
  }
}
