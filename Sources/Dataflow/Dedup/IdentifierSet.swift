import Basics

/// The newest ids, in memory: open addressing over 24-byte entries. An all-zero key is an empty slot (one key in 2^128).
final class IdentifierSet {
  private(set) var entries: UnsafeMutablePointer<Identifier>
  private(set) var capacity: Int
  private(set) var count = 0

  init(capacity: Int = 1 << 10) {
    self.capacity = capacity
    entries = .allocate(capacity: capacity)
    entries.initialize(repeating: Identifier(key: Key128(high: 0, low: 0), hour: 0, check: 0), count: capacity)
  }

  deinit { entries.deallocate() }

  var byteCount: Int { capacity * MemoryLayout<Identifier>.stride }

  @inline(__always) private func slot(_ key: Key128) -> Int { Int(truncatingIfNeeded: key.low) & (capacity &- 1) }

  /// The entry of the key, or nil.
  @inline(__always) func find(_ key: Key128) -> UnsafeMutablePointer<Identifier>? {
    var index = slot(key)
    while true {
      let entry = entries + index
      if entry.pointee.key.low == key.low, entry.pointee.key.high == key.high { return entry }
      if entry.pointee.key.low == 0, entry.pointee.key.high == 0 { return nil }
      index = (index &+ 1) & (capacity &- 1)
    }
  }

  /// Touches where the key would be, so that the lines of a batch are fetched side by side and not one after the other.
  @inline(__always) func touch(_ key: Key128) -> UInt64 { entries[slot(key)].key.low }

  /// Adds a key that is not there.
  @inline(__always) func insert(_ identifier: Identifier) {
    var index = slot(identifier.key)
    while entries[index].key.low != 0 || entries[index].key.high != 0 { index = (index &+ 1) & (capacity &- 1) }
    entries[index] = identifier
    count &+= 1
    if count &* 3 > capacity &* 2 { grow() }
  }

  func clear() {
    entries.initialize(repeating: Identifier(key: Key128(high: 0, low: 0), hour: 0, check: 0), count: capacity)
    count = 0
  }

  /// All entries, sorted by key.
  func sorted() -> [Identifier] {
    var all: [Identifier] = []
    all.reserveCapacity(count)
    for index in 0..<capacity where entries[index].key.low != 0 || entries[index].key.high != 0 {
      all.append(entries[index])
    }
    all.sort { $0.key < $1.key }
    return all
  }

  @inline(never) private func grow() {
    let old = entries
    let oldCapacity = capacity
    capacity *= 2
    entries = .allocate(capacity: capacity)
    entries.initialize(repeating: Identifier(key: Key128(high: 0, low: 0), hour: 0, check: 0), count: capacity)
    for index in 0..<oldCapacity where old[index].key.low != 0 || old[index].key.high != 0 {
      var at = slot(old[index].key)
      while entries[at].key.low != 0 || entries[at].key.high != 0 { at = (at &+ 1) & (capacity &- 1) }
      entries[at] = old[index]
    }
    old.deallocate()
  }
}
