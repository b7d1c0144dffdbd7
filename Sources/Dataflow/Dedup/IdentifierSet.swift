import Basics

/// The newest ids, in memory: entries in the order they came, and a table of where each is.
///
/// The table has a word per slot, tag << 32 | entry + 1, so a new id, which nearly every one is, costs one line of it and an
/// append; an entry is looked at only when its tag is the one asked for. Since the entries are in order, those of the last
/// commit are a stretch of them.
final class IdentifierSet {
  private(set) var entries: UnsafeMutablePointer<Identifier>
  private var capacity = 1 << 10
  private(set) var count = 0
  private var table: UnsafeMutablePointer<UInt64>
  private var mask = (1 << 11) - 1

  init() {
    entries = Memory.allocate(capacity)
    table = Memory.allocate(mask + 1, zeroed: true)
  }

  deinit {
    Memory.deallocate(entries, capacity)
    Memory.deallocate(table, mask + 1)
  }

  var byteCount: Int { capacity * MemoryLayout<Identifier>.stride + (mask + 1) * 8 }

  /// Ids that fit in so many bytes, entries and table at their emptiest together.
  static func fitting(bytes: Int) -> Int { bytes / (2 * MemoryLayout<Identifier>.stride + 4 * 8) }

  @inline(__always) private func tag(_ key: Key128) -> UInt64 { key.low >> 32 }

  /// The tag says where in the table, so that growing need not look at the entries.
  @inline(__always) private func slot(_ tag: UInt64) -> Int { Int(truncatingIfNeeded: tag) & mask }

  /// The entry of the key, or nil. An entry added later stands for all earlier ones of its key.
  @inline(__always) func find(_ key: Key128) -> UnsafeMutablePointer<Identifier>? {
    let tag = tag(key)
    var index = slot(tag)
    while true {
      let found = table[index]
      if found == 0 { return nil }
      if found >> 32 == tag {
        let entry = entries + (Int(truncatingIfNeeded: found & 0xFFFF_FFFF) &- 1)
        if entry.pointee.key.low == key.low, entry.pointee.key.high == key.high { return entry }
      }
      index = (index &+ 1) & mask
    }
  }

  /// Asks for the line where the key would be.
  @inline(__always) func prefetch(_ key: Key128) { Memory.prefetch(table + slot(tag(key))) }

  /// Adds a key that is not there.
  @inline(__always) func insert(_ identifier: Identifier) {
    if count == capacity { growEntries() }
    entries[count] = identifier
    count &+= 1
    let tag = tag(identifier.key)
    var index = slot(tag)
    while table[index] != 0 { index = (index &+ 1) & mask }
    table[index] = tag << 32 | UInt64(count)
    if count &* 3 > mask &* 2 { growTable() }
  }

  /// Adds an entry that stands for the known one of its key from now on; the known one stays among the entries.
  func replace(_ known: UnsafeMutablePointer<Identifier>, with identifier: Identifier) {
    let position = UInt64(known - entries) + 1
    let tag = tag(identifier.key)
    var index = slot(tag)
    while table[index] != tag << 32 | position { index = (index &+ 1) & mask }
    if count == capacity { growEntries() }
    entries[count] = identifier
    count &+= 1
    table[index] = tag << 32 | UInt64(count)
  }

  func clear() {
    Memory.deallocate(table, mask + 1)
    table = Memory.allocate(mask + 1, zeroed: true)
    count = 0
  }

  /// All keys' entries, sorted by key.
  func sorted() -> [Identifier] {
    var all: [Identifier] = []
    all.reserveCapacity(count)
    // Keys are hashes, so three digits of them leave next to nothing to do.
    let keys: UnsafeMutablePointer<UInt64> = Memory.allocate(count)
    let positions: UnsafeMutablePointer<Int64> = Memory.allocate(count)
    defer {
      Memory.deallocate(keys, count)
      Memory.deallocate(positions, count)
    }
    var kept = 0
    for index in 0..<count where find(entries[index].key) == entries + index {
      keys[kept] = entries[index].key.high >> 31
      positions[kept] = Int64(index)
      kept += 1
    }
    RadixSort().sort(keys, positions, count: kept)
    for index in 0..<kept {
      let next = entries[Int(positions[index])]
      all.append(next)
      var at = index
      while at > 0, next.key < all[at - 1].key {
        all[at] = all[at - 1]
        at -= 1
      }
      all[at] = next
    }
    return all
  }

  /// The entries from one on, as they are stored.
  func bytes(from first: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(UnsafeBufferPointer(start: entries + first, count: count - first))
  }

  @inline(never) private func growEntries() {
    precondition(count < Int(UInt32.max), "more ids than 32 bits count")
    Memory.resize(&entries, from: capacity, to: capacity * 2)
    capacity *= 2
  }

  @inline(never) private func growTable() {
    let old = table
    let oldCapacity = mask + 1
    mask = mask * 2 + 1
    table = Memory.allocate(mask + 1, zeroed: true)
    for index in 0..<oldCapacity where old[index] != 0 {
      var at = slot(old[index] >> 32)
      while table[at] != 0 { at = (at &+ 1) & mask }
      table[at] = old[index]
    }
    Memory.deallocate(old, oldCapacity)
  }
}
