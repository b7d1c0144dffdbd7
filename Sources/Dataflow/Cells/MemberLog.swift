import Basics

/// Members of cells: the users of a distinct count, the buckets of a histogram, with a whole number each unless it is a
/// plain set.
///
/// Adding appends, so the hot path touches one line of memory in order and compares nothing. What was added twice is put
/// together when the memory is full or somebody reads: each entry is sorted about twice in its life.
final class MemberLog {
  /// cell << 32 | member.
  private(set) var keys: UnsafeMutablePointer<UInt64>
  /// nil for sets, whose members are there or not.
  private(set) var values: UnsafeMutablePointer<Int64>?
  private var capacity = 64
  private(set) var count = 0
  /// This many, from the start, are sorted and each there once.
  private var compactCount = 0
  private let sorter: RadixSort
  private static let few = 8

  init(isSet: Bool, sorter: RadixSort) {
    self.sorter = sorter
    keys = Memory.allocate(capacity)
    values = isSet ? nil : Memory.allocate(capacity)
  }

  deinit {
    Memory.deallocate(keys, capacity)
    if let values { Memory.deallocate(values, capacity) }
  }

  var byteCount: Int { capacity * (values == nil ? 8 : 16) }

  /// Makes the member present.
  @inline(__always) func insert(cell: UInt32, member: UInt32) {
    if count == capacity { makeRoom() }
    keys[count] = UInt64(cell) << 32 | UInt64(member)
    count &+= 1
  }

  /// Adds to the member's number, which starts at 0.
  @inline(__always) func add(cell: UInt32, member: UInt32, _ delta: Int64) {
    if count == capacity { makeRoom() }
    keys[count] = UInt64(cell) << 32 | UInt64(member)
    values.unsafelyUnwrapped[count] = delta
    count &+= 1
  }

  func reserve(_ members: Int) {
    if members > capacity { resize(to: members) }
  }

  func clear() {
    // A burst's memory should not stay for ever.
    if capacity > 1 << 16, count < capacity / 16 { resize(to: 1 << 12) }
    count = 0
    compactCount = 0
  }

  /// Sorts by (cell, member) and puts equal ones together; members whose numbers add up to nothing are dropped.
  func compact() {
    guard compactCount < count else { return }
    sort()
    if let values {
      var kept = 0
      var index = 0
      while index < count {
        let key = keys[index]
        var sum: Int64 = 0
        while index < count, keys[index] == key {
          sum &+= values[index]
          index += 1
        }
        if sum == 0 { continue }
        keys[kept] = key
        values[kept] = sum
        kept += 1
      }
      count = kept
    } else {
      var kept = 1
      for index in 1..<max(count, 1) where keys[index] != keys[kept - 1] {
        keys[kept] = keys[index]
        kept += 1
      }
      count = kept
    }
    compactCount = count
  }

  /// Sorts by cell and member.
  private func sort() {
    var members: UInt64 = 0
    var last: UInt64 = 0
    for index in 0..<count {
      last = max(last, keys[index] >> 32)
      members |= keys[index] & 0xFFFF_FFFF
    }
    let cells = Int(last) + 1
    if count / 2 < cells * MemberLog.few, cells < count * 2 {
      sorter.sort(keys, values, count: count, groups: cells)
      return
    }
    // Pushed together, so that the bits between them are no digits to count.
    let bits = UInt64(64 - members.leadingZeroBitCount)
    let mask = (UInt64(1) << bits) - 1
    for index in 0..<count { keys[index] = (keys[index] >> 32) << bits | keys[index] & mask }
    sorter.sort(keys, values, count: count)
    for index in 0..<count { keys[index] = (keys[index] >> bits) << 32 | keys[index] & mask }
  }

  @inline(never) private func makeRoom() {
    compact()
    // At least half is free afterwards, or sorting would cost more than adding.
    guard count > capacity / 2 else { return }
    resize(to: capacity * 2)
  }

  private func resize(to size: Int) {
    Memory.resize(&keys, from: capacity, to: size)
    if values != nil { Memory.resize(&values!, from: capacity, to: size) }
    capacity = size
  }
}
