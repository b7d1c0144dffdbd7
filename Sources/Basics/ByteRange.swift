/// One record inside a contiguous buffer.
public struct ByteRange: Equatable, Sendable, BitwiseCopyable {
  /// Where the record's bytes start in the buffer.
  public var offset: UInt32
  /// How many of its bytes the buffer holds.
  public var length: UInt32
  /// How many bytes the record has. Larger than `length` only for a record over the size limit, whose tail a reader
  /// need not keep; such a record is rejected whatever it says.
  public var fullLength: UInt32

  @inlinable public init(offset: UInt32, length: UInt32, fullLength: UInt32? = nil) {
    self.offset = offset
    self.length = length
    self.fullLength = fullLength ?? length
  }
}

/// 128 bits that stand for a user or for one event of a user. Compared and sorted as one unsigned number.
public struct Key128: Hashable, Sendable, Comparable, BitwiseCopyable {
  public var high: UInt64
  public var low: UInt64

  @inlinable public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// 32 digits.
  public var hexadecimal: String {
    func digits(_ word: UInt64) -> String {
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    return digits(high) + digits(low)
  }

  @inlinable public static func < (a: Key128, b: Key128) -> Bool {
    a.high != b.high ? a.high < b.high : a.low < b.low
  }
}
