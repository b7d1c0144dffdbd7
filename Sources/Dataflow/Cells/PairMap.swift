/// Whole numbers by (cell, member): the users of a distinct count, the buckets of a histogram. Open addressing, linear
/// probing, power-of-two size.
final class PairMap {
  /// (cell + 1) << 32 | member; 0 is an empty slot.
  private(set) var keys: UnsafeMutablePointer<UInt64>
  private(set) var values: UnsafeMutablePointer<Int64>
  private(set) var capacity: Int
  private(set) var count = 0

  init(capacity: Int = 64) {
    self.capacity = capacity
    keys = .allocate(capacity: capacity)
    keys.initialize(repeating: 0, count: capacity)
    values = .allocate(capacity: capacity)
  }

  deinit {
    keys.deallocate()
    values.deallocate()
  }

  @inline(__always) static func key(cell: UInt32, member: UInt32) -> UInt64 {
    UInt64(cell &+ 1) << 32 | UInt64(member)
  }

  /// Fibonacci hashing: consecutive members spread over the table.
  @inline(__always) private func slot(_ key: UInt64) -> Int {
    let mixed = (key ^ (key >> 32)) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed >> 20) & (capacity &- 1)
  }

  /// Adds to the member's number; a new member starts at 0.
  @inline(__always) func add(cell: UInt32, member: UInt32, _ delta: Int64) {
    let key = PairMap.key(cell: cell, member: member)
    var index = slot(key)
    while true {
      let found = keys[index]
      if found == key {
        values[index] &+= delta
        return
      }
      if found == 0 { break }
      index = (index &+ 1) & (capacity &- 1)
    }
    keys[index] = key
    values[index] = delta
    count &+= 1
    if count &* 2 > capacity { grow() }
  }

  /// Makes the member present, whatever its number was.
  @inline(__always) func insert(cell: UInt32, member: UInt32) {
    let key = PairMap.key(cell: cell, member: member)
    var index = slot(key)
    while true {
      let found = keys[index]
      if found == key { return }
      if found == 0 { break }
      index = (index &+ 1) & (capacity &- 1)
    }
    keys[index] = key
    values[index] = 1
    count &+= 1
    if count &* 2 > capacity { grow() }
  }

  func clear() {
    if capacity > 1 << 16, count < capacity / 16 {
      // A burst should not leave a table whose clearing costs more than its use.
      keys.deallocate()
      values.deallocate()
      capacity = 1 << 12
      keys = .allocate(capacity: capacity)
      values = .allocate(capacity: capacity)
    }
    keys.initialize(repeating: 0, count: capacity)
    count = 0
  }

  var byteCount: Int { capacity * 16 }

  @inline(never) private func grow() {
    let oldKeys = keys
    let oldValues = values
    let oldCapacity = capacity
    capacity *= 2
    keys = .allocate(capacity: capacity)
    keys.initialize(repeating: 0, count: capacity)
    values = .allocate(capacity: capacity)
    for index in 0..<oldCapacity where oldKeys[index] != 0 {
      var at = slot(oldKeys[index])
      while keys[at] != 0 { at = (at &+ 1) & (capacity &- 1) }
      keys[at] = oldKeys[index]
      values[at] = oldValues[index]
    }
    oldKeys.deallocate()
    oldValues.deallocate()
  }

  /// The entries sorted by (cell, member), in arrays the caller keeps.
  func sorted() -> [(key: UInt64, value: Int64)] {
    var entries: [(key: UInt64, value: Int64)] = []
    entries.reserveCapacity(count)
    for index in 0..<capacity where keys[index] != 0 { entries.append((keys[index], values[index])) }
    entries.sort { $0.key < $1.key }
    return entries
  }
}
