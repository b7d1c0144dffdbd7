import Basics

/// The newest ids, in memory: entries in the order they came, and a table of where each is.
///
/// A slot of the table is a tag of 8 bits and an entry's place of 24, so a new id, which nearly every one is, costs one line
/// of the table and an append; one entry in 256 of those probed is looked at in vain. Since the entries are in order, those
/// of the last commit are a stretch of them.
final class IdentifierSet {
  /// As many as places count.
  static let limit = (1 << 24) - 2

  private(set) var entries: UnsafeMutablePointer<Identifier>
  private var capacity = 1 << 10
  private(set) var count = 0
  private var table: UnsafeMutablePointer<UInt32>
  private var mask = (1 << 11) - 1

  init() {
    entries = Memory.allocate(capacity)
    table = Memory.allocate(mask + 1, zeroed: true)
  }

  deinit {
    Memory.deallocate(entries, capacity)
    Memory.deallocate(table, mask + 1)
  }

  /// Bytes touched: what the entries have set aside is not yet anybody's memory.
  var byteCount: Int { count * MemoryLayout<Identifier>.stride + (mask + 1) * 4 }

  /// Ids that fit in so many bytes, with the table at its emptiest.
  static func fitting(bytes: Int) -> Int { bytes / (MemoryLayout<Identifier>.stride + 3 * 4) }

  @inline(__always) private func slot(_ key: Key128) -> Int { Int(truncatingIfNeeded: key.low >> 8) & mask }

  @inline(__always) private func word(_ key: Key128, _ place: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: key.low) << 24 | UInt32(truncatingIfNeeded: place)
  }

  /// The entry a slot's word stands for when it is the key's, or nil.
  @inline(__always) private func entry(_ found: UInt32, _ key: Key128) -> UnsafeMutablePointer<Identifier>? {
    guard found >> 24 == UInt32(truncatingIfNeeded: key.low & 0xFF) else { return nil }
    let entry = entries + (Int(found & 0xFF_FFFF) &- 1)
    return entry.pointee.key.low == key.low && entry.pointee.key.high == key.high ? entry : nil
  }

  /// The entry of the key, or nil. An entry added later stands for all earlier ones of its key.
  @inline(__always) func find(_ key: Key128) -> UnsafeMutablePointer<Identifier>? {
    var index = slot(key)
    while table[index] != 0 {
      if let entry = entry(table[index], key) { return entry }
      index = (index &+ 1) & mask
    }
    return nil
  }

  /// Asks for the line where the key would be.
  @inline(__always) func prefetch(_ key: Key128) { Memory.prefetch(table + slot(key)) }

  /// Adds a key that is not there.
  @inline(__always) func insert(_ identifier: Identifier) {
    if count == capacity { growEntries() }
    entries[count] = identifier
    count &+= 1
    var index = slot(identifier.key)
    while table[index] != 0 { index = (index &+ 1) & mask }
    table[index] = word(identifier.key, count)
    if count &* 3 > mask &* 2 { growTable() }
  }

  /// Adds an entry that stands for the known one of its key from now on; the known one stays among the entries.
  func replace(_ known: UnsafeMutablePointer<Identifier>, with identifier: Identifier) {
    let old = word(identifier.key, known - entries + 1)
    var index = slot(identifier.key)
    while table[index] != old { index = (index &+ 1) & mask }
    if count == capacity { growEntries() }
    entries[count] = identifier
    count &+= 1
    table[index] = word(identifier.key, count)
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
    Memory.resize(&entries, from: capacity, to: capacity * 2)
    capacity *= 2
  }

  @inline(never) private func growTable() {
    precondition(count <= IdentifierSet.limit, "\(count) ids are more than 24 bits count")
    Memory.deallocate(table, mask + 1)
    mask = mask * 2 + 1
    table = Memory.allocate(mask + 1, zeroed: true)
    let ahead = 16
    for place in 0..<count {
      if place + ahead < count { prefetch(entries[place + ahead].key) }
      let key = entries[place].key
      var index = slot(key)
      while table[index] != 0, entry(table[index], key) == nil { index = (index &+ 1) & mask }
      table[index] = word(key, place + 1)
    }
  }
}
