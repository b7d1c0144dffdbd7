/// A growing byte buffer that is filled once and reused: `clear` keeps the memory.
///
/// Varints are LEB128; signed ones are zigzag first. Fixed numbers are little-endian, key numbers big-endian so that
/// bytewise order is numeric order.
public struct ByteWriter: ~Copyable {
  @usableFromInline var base: UnsafeMutablePointer<UInt8>
  @usableFromInline var capacity: Int
  @usableFromInline var used = 0
  @inlinable public var count: Int { used }

  public init(capacity: Int = 256) {
    self.capacity = max(capacity, 16)
    base = .allocate(capacity: self.capacity)
  }

  deinit { base.deallocate() }

  @inlinable public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  public mutating func clear() { used = 0 }

  /// Forgets everything after `count` bytes.
  public mutating func truncate(to count: Int) {
    precondition(count <= self.count, "truncate to \(count) of \(self.count)")
    used = count
  }

  @usableFromInline @inline(never) mutating func grow(to needed: Int) {
    let larger = max(needed, capacity * 2)
    let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
    moved.update(from: base, count: count)
    base.deallocate()
    base = moved
    capacity = larger
  }

  @inlinable @inline(__always) mutating func reserve(_ extra: Int) {
    if count + extra > capacity { grow(to: count + extra) }
  }

  @inlinable public mutating func byte(_ value: UInt8) {
    reserve(1)
    base[count] = value
    used += 1
  }

  @inlinable public mutating func varint(_ value: UInt64) {
    reserve(10)
    var rest = value
    while rest >= 0x80 {
      base[count] = UInt8(truncatingIfNeeded: rest) | 0x80
      used += 1
      rest >>= 7
    }
    base[count] = UInt8(truncatingIfNeeded: rest)
    used += 1
  }

  @inlinable public mutating func zigzag(_ value: Int64) {
    varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }

  /// A 128-bit number, zigzag, LEB128.
  public mutating func zigzag128(_ value: Int128) {
    reserve(20)
    var rest = UInt128(bitPattern: (value << 1) ^ (value >> 127))
    while rest >= 0x80 {
      base[count] = UInt8(truncatingIfNeeded: rest) | 0x80
      used += 1
      rest >>= 7
    }
    base[count] = UInt8(truncatingIfNeeded: rest)
    used += 1
  }

  @inlinable public mutating func fixed32(_ value: UInt32) { fixed(value.littleEndian) }
  @inlinable public mutating func fixed64(_ value: UInt64) { fixed(value.littleEndian) }
  public mutating func bigEndian32(_ value: UInt32) { fixed(value.bigEndian) }
  public mutating func bigEndian64(_ value: UInt64) { fixed(value.bigEndian) }

  /// A signed number whose bytewise order is its numeric order.
  public mutating func ordered64(_ value: Int64) { bigEndian64(UInt64(bitPattern: value) ^ (1 << 63)) }

  @inlinable mutating func fixed<T: FixedWidthInteger>(_ value: T) {
    reserve(MemoryLayout<T>.size)
    UnsafeMutableRawPointer(base + count).storeBytes(of: value, as: T.self)
    used += MemoryLayout<T>.size
  }

  @inlinable public mutating func raw(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 0 else { return }
    reserve(bytes.count)
    UnsafeMutableRawPointer(base + count).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
    used += bytes.count
  }

  /// A length as varint, then the bytes.
  @inlinable public mutating func text(_ bytes: UnsafeRawBufferPointer) {
    varint(UInt64(bytes.count))
    raw(bytes)
  }

  public mutating func text(_ string: String) {
    var string = string
    string.withUTF8 { text(UnsafeRawBufferPointer($0)) }
  }
}
