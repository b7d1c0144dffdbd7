import Basics
import Events
import Glibc
import Stores

/// The users of a partition that are in memory: fixed-size slots, each with a list of sessions and lists of funnel steps.
///
/// A slot number is stable until `release`. All texts are dictionary codes; the stored record has the texts themselves.
final class UserTable {
  /// No user number yet: the user has not had an event counted.
  static let noNumber = UInt32.max

  struct Slot: BitwiseCopyable {
    var key: Key128
    var number: UInt32
    /// The batch that last used it, for eviction.
    var touched: UInt32
    /// Sessions, `SessionLayout.stride` bytes each, sorted by start.
    var sessions: UnsafeMutableRawPointer?
    var sessionCount: Int32
    var sessionCapacity: Int32
    /// `laneCount` lists of steps, once there is one.
    var lanes: UnsafeMutablePointer<StepLane>?
    var isDirty: Bool
  }

  private(set) var slots: UnsafeMutablePointer<Slot>
  private(set) var count = 0
  private var capacity = 1 << 10
  /// Slot + 1 by key; 0 is empty.
  private var table: UnsafeMutablePointer<UInt32>
  private var mask = (1 << 11) - 1

  /// Every user the store knows is here, so a key that is not found is nobody's, and need not be looked up.
  var isComplete = false

  let layout: SessionLayout
  let laneCount: Int
  /// Where the lists are. Always the same one, so that whoever uses it need not hold it.
  let pool = ListPool()

  init(layout: SessionLayout, laneCount: Int) {
    self.layout = layout
    self.laneCount = laneCount
    slots = Memory.allocate(capacity)
    table = Memory.allocate(mask + 1, zeroed: true)
  }

  deinit {
    Memory.deallocate(slots, capacity)
    Memory.deallocate(table, mask + 1)
  }

  var byteCount: Int { capacity * MemoryLayout<Slot>.stride + (mask + 1) * 4 + pool.byteCount }

  /// Asks for the line of the slot where the key most likely is; `touch` came before.
  @inline(__always) func touchSlot(_ key: Key128) {
    let found = table[Int(truncatingIfNeeded: key.low) & mask]
    if found > 0 { Memory.prefetch(slots + (Int(found) &- 1)) }
  }

  /// Asks for the memory that finding the key will look at.
  @inline(__always) func touch(_ key: Key128) { Memory.prefetch(table + (Int(truncatingIfNeeded: key.low) & mask)) }

  /// The slot of the key, or -1.
  @inline(__always) func find(_ key: Key128) -> Int32 {
    var index = Int(truncatingIfNeeded: key.low) & mask
    while true {
      let found = table[index]
      if found == 0 { return -1 }
      let slot = Int(found) &- 1
      if slots[slot].key.low == key.low, slots[slot].key.high == key.high { return Int32(slot) }
      index = (index &+ 1) & mask
    }
  }

  /// Adds a slot for a key that has none.
  func add(_ key: Key128) -> Int32 {
    if count == capacity { grow() }
    slots[count] = Slot(
      key: key, number: UserTable.noNumber, touched: 0, sessions: nil, sessionCount: 0, sessionCapacity: 0, lanes: nil,
      isDirty: false)
    place(count)
    count += 1
    if count * 2 > mask { growTable() }
    return Int32(count - 1)
  }

  /// Keeps only slots for which `keep` holds; slot numbers change. Nothing that is dirty may be dropped.
  func release(keep: (Slot) -> Bool) {
    var kept = 0
    for index in 0..<count {
      if keep(slots[index]) {
        slots[kept] = slots[index]
        kept += 1
      } else {
        precondition(!slots[index].isDirty, "a user with uncommitted changes would be forgotten")
      }
    }
    count = kept
    isComplete = false
    moveLists()
    var smaller = 1 << 10
    while smaller < count { smaller *= 2 }
    Memory.resize(&slots, from: capacity, to: smaller)
    capacity = smaller
    Memory.deallocate(table, mask + 1)
    mask = capacity * 2 - 1
    table = Memory.allocate(mask + 1, zeroed: true)
    for index in 0..<count { place(index) }
  }

  /// Out of the old chunks, or what the others left would stay between them.
  private func moveLists() {
    let old = pool.takeAll()
    defer { withExtendedLifetime(old) {} }
    for index in 0..<count {
      let user = slots + index
      if let sessions = user.pointee.sessions {
        let moved = pool.allocate(Int(user.pointee.sessionCapacity) * layout.stride)
        moved.copyMemory(from: sessions, byteCount: Int(user.pointee.sessionCount) * layout.stride)
        user.pointee.sessions = moved
      }
      guard let lanes = user.pointee.lanes else { continue }
      let moved = pool.allocate(laneCount * MemoryLayout<StepLane>.stride)
      moved.copyMemory(from: lanes, byteCount: laneCount * MemoryLayout<StepLane>.stride)
      user.pointee.lanes = moved.bindMemory(to: StepLane.self, capacity: laneCount)
      for lane in 0..<laneCount { user.pointee.lanes![lane].move(to: pool) }
    }
  }

  /// Makes room for one session at `index` and returns where it is.
  func insertSession(_ slot: Int, at index: Int) -> UnsafeMutableRawPointer {
    let user = slots + slot
    let count = Int(user.pointee.sessionCount)
    if count == Int(user.pointee.sessionCapacity) {
      let larger = max(1, count * 2)
      user.pointee.sessions = pool.grow(
        user.pointee.sessions, from: count * layout.stride, to: larger * layout.stride, keeping: count * layout.stride)
      user.pointee.sessionCapacity = Int32(larger)
    }
    let at = user.pointee.sessions! + index * layout.stride
    if index < count { memmove(at + layout.stride, at, (count - index) * layout.stride) }
    user.pointee.sessionCount += 1
    return at
  }

  func removeSessions(_ slot: Int, _ range: Range<Int>) {
    guard !range.isEmpty else { return }
    let user = slots + slot
    let count = Int(user.pointee.sessionCount)
    let at = user.pointee.sessions! + range.lowerBound * layout.stride
    memmove(at, at + range.count * layout.stride, (count - range.upperBound) * layout.stride)
    user.pointee.sessionCount -= Int32(range.count)
  }

  /// The list of a step, made when the user has none yet.
  @inline(__always) func lane(_ slot: Int, _ lane: Int) -> UnsafeMutablePointer<StepLane> {
    if let lanes = slots[slot].lanes { return lanes + lane }
    let lanes = pool.allocate(laneCount * MemoryLayout<StepLane>.stride)
      .bindMemory(to: StepLane.self, capacity: laneCount)
    lanes.initialize(repeating: StepLane(steps: nil, count: 0, capacity: 0), count: laneCount)
    slots[slot].lanes = lanes
    return lanes + lane
  }

  private func place(_ slot: Int) {
    var index = Int(truncatingIfNeeded: slots[slot].key.low) & mask
    while table[index] != 0 { index = (index &+ 1) & mask }
    table[index] = UInt32(slot + 1)
  }

  private func grow() {
    Memory.resize(&slots, from: capacity, to: capacity * 2)
    capacity *= 2
  }

  private func growTable() {
    Memory.deallocate(table, mask + 1)
    mask = mask * 2 + 1
    table = Memory.allocate(mask + 1, zeroed: true)
    for slot in 0..<count { place(slot) }
  }
}
