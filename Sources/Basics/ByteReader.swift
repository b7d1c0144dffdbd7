/// Reads what `ByteWriter` wrote. Every read is checked against the end and throws `.corrupt` past it.
public struct ByteReader {
  public let bytes: UnsafeRawBufferPointer
  public private(set) var index: Int = 0
  /// What is being read, for messages.
  public let name: StaticString

  public init(_ bytes: UnsafeRawBufferPointer, _ name: StaticString) {
    self.bytes = bytes
    self.name = name
  }

  public var remaining: Int { bytes.count - index }
  public var isAtEnd: Bool { index == bytes.count }

  @inline(never) func short() -> Failure {
    .corrupt("\(name): ends at byte \(bytes.count), more was expected at \(index)")
  }

  public mutating func byte() throws(Failure) -> UInt8 {
    guard index < bytes.count else { throw short() }
    index += 1
    return bytes[index - 1]
  }

  /// Most are one byte.
  @inline(__always) public mutating func varint() throws(Failure) -> UInt64 {
    if index < bytes.count, bytes[index] < 0x80 {
      index &+= 1
      return UInt64(bytes[index &- 1])
    }
    return try longVarint()
  }

  private mutating func longVarint() throws(Failure) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
      if shift > 63 { throw .corrupt("\(name): a varint at byte \(index) is longer than 64 bits") }
    }
    throw short()
  }

  /// Goes past varints without looking at what they say.
  public mutating func skipVarints(_ count: Int) throws(Failure) {
    var left = count
    // Each byte without its highest bit ends one: eight bytes never end more than eight.
    while left >= 8, remaining >= 8 {
      let ends = ~bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080
      left -= Int(truncatingIfNeeded: ((ends >> 7) &* 0x0101_0101_0101_0101) >> 56)
      index += 8
    }
    for _ in 0..<left { _ = try varint() }
  }

  /// A varint that counts or measures something inside these bytes, so it cannot exceed `limit`.
  public mutating func count(limit: Int = Int(UInt32.max)) throws(Failure) -> Int {
    let value = try varint()
    guard value <= UInt64(limit) else { throw .corrupt("\(name): a count of \(value) at byte \(index) is impossible") }
    return Int(value)
  }

  public mutating func zigzag() throws(Failure) -> Int64 {
    let value = try varint()
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  public mutating func zigzag128() throws(Failure) -> Int128 {
    if index < bytes.count, bytes[index] < 0x80 { return Int128(try zigzag()) }
    var value: UInt128 = 0
    var shift = 0
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      value |= UInt128(byte & 0x7f) << UInt128(shift)
      if byte < 0x80 { return Int128(bitPattern: value >> 1) ^ -Int128(bitPattern: value & 1) }
      shift += 7
      if shift > 127 { throw .corrupt("\(name): a varint at byte \(index) is longer than 128 bits") }
    }
    throw short()
  }

  public mutating func fixed32() throws(Failure) -> UInt32 { UInt32(littleEndian: try fixed()) }
  public mutating func fixed64() throws(Failure) -> UInt64 { UInt64(littleEndian: try fixed()) }
  public mutating func bigEndian32() throws(Failure) -> UInt32 { UInt32(bigEndian: try fixed()) }
  public mutating func bigEndian64() throws(Failure) -> UInt64 { UInt64(bigEndian: try fixed()) }
  public mutating func ordered64() throws(Failure) -> Int64 { Int64(bitPattern: try bigEndian64() ^ (1 << 63)) }

  private mutating func fixed<T: FixedWidthInteger>() throws(Failure) -> T {
    guard remaining >= MemoryLayout<T>.size else { throw short() }
    index += MemoryLayout<T>.size
    return bytes.loadUnaligned(fromByteOffset: index - MemoryLayout<T>.size, as: T.self)
  }

  public mutating func raw(_ count: Int) throws(Failure) -> UnsafeRawBufferPointer {
    guard count >= 0, remaining >= count else { throw short() }
    index += count
    return UnsafeRawBufferPointer(rebasing: bytes[index - count..<index])
  }

  public mutating func text() throws(Failure) -> UnsafeRawBufferPointer { try raw(try count(limit: bytes.count)) }

  public mutating func string() throws(Failure) -> String { String(decoding: try text(), as: UTF8.self) }
}
