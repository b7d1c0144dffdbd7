/// Text of one event: UTF-8 bytes that live until the batch decodes again.
public struct TextRef {
  /// Never nil: empty text points anywhere.
  public var start: UnsafePointer<UInt8>
  /// 0: the value is missing.
  public var length: UInt32
  /// A hash of the bytes, for dictionaries: of projected columns, else 0.
  public var hash: UInt32

  @inlinable public init(start: UnsafePointer<UInt8>, length: UInt32, hash: UInt32) {
    self.start = start
    self.length = length
    self.hash = hash
  }

  @inlinable public var isMissing: Bool { length == 0 }
  @inlinable public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: Int(length)) }
  public var string: String { String(decoding: bytes, as: UTF8.self) }
}
