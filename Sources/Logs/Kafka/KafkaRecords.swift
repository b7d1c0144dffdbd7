/// Records to append together: the users they are of, their bytes, and stamps where they bring their own.
public struct KafkaRecords: Sendable {
  struct Entry {
    var start: Int
    var userCount: Int
    var valueCount: Int
    var stamp: Int64?

    var end: Int { start + userCount + valueCount }
  }

  /// Each entry's user, then its value.
  private(set) var bytes: [UInt8] = []
  private(set) var entries: [Entry] = []

  public init() {}

  /// - `user`: decides the partition, and is the message's key.
  /// - `stamp`: milliseconds; goes along in the header `millrace-appended-at`, as import of history needs.
  public mutating func add(user: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, stamp: Int64? = nil) {
    entries.append(Entry(start: bytes.count, userCount: user.count, valueCount: value.count, stamp: stamp))
    bytes.append(contentsOf: user)
    bytes.append(contentsOf: value)
  }

  public mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    entries.removeAll(keepingCapacity: true)
  }

  public var count: Int { entries.count }
  public var byteCount: Int { bytes.count }
}
