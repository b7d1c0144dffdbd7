import Basics
import Glibc
import Synchronization

/// What a transaction has gathered, in the order it came.
///
/// `@unchecked Sendable`: it belongs to one transaction, or to nobody and the list of spare ones, which is locked.
final class Changes: @unchecked Sendable {
  enum Kind: UInt8 { case put, merge, delete, deleteRange }

  /// Its key, and behind that its value or the end of its range.
  struct Change {
    let start: Int
    let keyLength: UInt32
    let valueLength: UInt32
    /// The first eight bytes of the key, which order it as they do.
    let prefix: UInt64
    let kind: Kind
  }

  private(set) var bytes = ByteWriter()
  private(set) var list: [Change] = []

  private static let spare = Mutex<[Changes]>([])

  static func take() -> Changes { spare.withLock { $0.popLast() } ?? Changes() }

  static func giveBack(_ changes: Changes) {
    changes.bytes.clear()
    changes.list.removeAll(keepingCapacity: true)
    spare.withLock { $0.append(changes) }
  }

  func append(_ kind: Kind, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    list.append(
      Change(
        start: bytes.count, keyLength: UInt32(key.count), valueLength: UInt32(value.count), prefix: Changes.prefix(key),
        kind: kind))
    bytes.raw(key)
    bytes.raw(value)
  }

  func key(_ change: Change) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: bytes.bytes.baseAddress! + change.start, count: Int(change.keyLength))
  }

  func value(_ change: Change) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: bytes.bytes.baseAddress! + change.start + Int(change.keyLength), count: Int(change.valueLength))
  }

  private static func prefix(_ key: UnsafeRawBufferPointer) -> UInt64 {
    if key.count >= 8 { return UInt64(bigEndian: key.loadUnaligned(as: UInt64.self)) }
    var prefix: UInt64 = 0
    for (index, byte) in key.enumerated() { prefix |= UInt64(byte) << (56 - 8 * index) }
    return prefix
  }

  /// The order in which a table takes them: keys ascending, then ranges. Nil when a table cannot say the same: it is never empty, no
  /// key stands twice in it, and a range deletes none of its keys, whichever came first.
  func tableOrder() -> [Int32]? {
    var keys: [Int32] = []
    var ranges: [Int32] = []
    keys.reserveCapacity(list.count)
    for (index, change) in list.enumerated() {
      if change.kind == .deleteRange { ranges.append(Int32(index)) } else { keys.append(Int32(index)) }
    }
    guard !keys.isEmpty else { return nil }
    list.withUnsafeBufferPointer { list in keys.sort { order(list[Int($0)], list[Int($1)]) < 0 } }
    for index in keys.indices.dropFirst() where order(list[Int(keys[index - 1])], list[Int(keys[index])]) == 0 {
      return nil
    }
    for range in ranges where deletesEarlier(range, keys) { return nil }
    return keys + ranges
  }

  /// Whether a key that came before the range is in it.
  private func deletesEarlier(_ range: Int32, _ keys: [Int32]) -> Bool {
    let change = list[Int(range)]
    var low = 0
    var high = keys.count
    while low < high {
      let middle = (low + high) / 2
      if order(list[Int(keys[middle])], change) < 0 { low = middle + 1 } else { high = middle }
    }
    while low < keys.count, compare(key(list[Int(keys[low])]), value(change)) < 0 {
      if keys[low] < range { return true }
      low += 1
    }
    return false
  }

  private func order(_ one: Change, _ other: Change) -> Int32 {
    if one.prefix != other.prefix { return one.prefix < other.prefix ? -1 : 1 }
    return compare(key(one), key(other))
  }

  private func compare(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Int32 {
    let first = memcmp(one.characters, other.characters, min(one.count, other.count))
    return first != 0 ? first : Int32(clamping: one.count - other.count)
  }
}
