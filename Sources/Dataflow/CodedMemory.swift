import Basics
import Events
import Stores

/// All of a chain's memory that refers to texts by code: the dictionary, users, and the views' open cells. It is dropped as
/// a whole when the dictionary is over its budget, right after a commit, and fills again from the store.
final class CodedMemory {
  let dictionary = TextDictionary()
  private let sorter = RadixSort()
  let users: UserTable
  private let sessions: Sessionizer?
  private var rollups: [RollupView] = []
  private var funnels: [FunnelView] = []
  /// Slots of users changed since the last commit.
  var dirty: [Int32] = []

  private var lookups = LookupBuffer()

  init(plan: Plan, clock: BucketClock, outputs: Outputs) {
    let layout = SessionLayout(texts: plan.sessions.texts.count, numbers: plan.sessions.numbers.count)
    users = UserTable(layout: layout, laneCount: plan.laneCount)
    for (view, definition) in zip(plan.views, plan.topology.views) {
      let isOutput = outputs.topics[.view(definition.name)] != nil
      switch view {
      case .rollup(let rollup, let table):
        rollups.append(
          RollupView(
            rollup, table: table, isOutput: isOutput, clock: clock, dictionary: dictionary, sorter: sorter))
      case .funnel(let funnel, let table):
        funnels.append(
          FunnelView(
            funnel, table: table, isOutput: isOutput, clock: clock, users: users, dictionary: dictionary, sorter: sorter
          ))
      }
    }
    // Without a view of sessions nobody would see them.
    let wanted = rollups.contains { $0.subject == .sessions }
    sessions =
      wanted
      ? Sessionizer(
        gap: plan.topology.gapMilliseconds, columns: plan.sessions, users: users,
        isOutput: outputs.topics[.sessions] != nil)
      : nil
  }

  var byteCount: Int {
    dictionary.byteCount + users.byteCount + sorter.byteCount + dirty.capacity * 4
      + rollups.reduce(0) { $0 + $1.byteCount }
      + funnels.reduce(0) { $0 + $1.byteCount }
  }

  /// What only a commit can give back, and what may be dropped after it, without what tables have set aside.
  var usedByteCount: Int {
    dictionary.byteCount + users.byteCount + rollups.reduce(0) { $0 + $1.usedByteCount }
      + funnels.reduce(0) { $0 + $1.usedByteCount }
  }

  /// Finds or makes the slot of every candidate's user; records that are not in memory are read together.
  func fetchUsers(
    _ keys: UnsafePointer<Key128>, _ scratch: inout BatchScratch, from store: Store, batch: UInt32
  ) throws(Failure) {
    for index in 0..<scratch.candidateCount { users.touch(keys[Int(scratch.candidates[index])]) }
    for index in 0..<scratch.candidateCount { users.touchSlot(keys[Int(scratch.candidates[index])]) }
    lookups.clear()
    for index in 0..<scratch.candidateCount {
      let row = Int(scratch.candidates[index])
      var slot = users.find(keys[row])
      if slot < 0 {
        slot = users.add(keys[row])
        if !users.isComplete { lookups.add(keys[row], slot) }
      }
      let user = users.slots + Int(slot)
      user.pointee.touched = batch
      // Events mostly belong to the last session.
      if let sessions = user.pointee.sessions {
        Memory.prefetch(sessions + (Int(user.pointee.sessionCount) - 1) * users.layout.stride)
      }
      if let lanes = user.pointee.lanes { Memory.prefetch(lanes) }
      scratch.slots[row] = slot
    }
    try lookups.read(from: store) { slot, bytes throws(Failure) in
      try UserRecord.decode(bytes, Int(slot), users, dictionary)
    }
  }

  func apply(
    _ rows: Rows, ids: UnsafePointer<TextRef>, slots: UnsafePointer<Int32>, eventType: UnsafePointer<UInt32>?,
    _ stopwatch: Stopwatch
  ) {
    for rollup in rollups where rollup.subject == .events { rollup.apply(rows) }
    stopwatch.lap(.rollup)
    if let sessions {
      sessions.apply(rows, ids: ids, slots: slots, dictionary)
      stopwatch.lap(.sessions)
      giveToViews(sessions)
      stopwatch.lap(.rollup)
    }
    if let eventType {
      for funnel in funnels { funnel.apply(rows, eventType: eventType, slots: slots) }
      stopwatch.lap(.funnel)
    }
  }

  private func giveToViews(_ sessions: Sessionizer) {
    for rollup in rollups where rollup.subject == .sessions { rollup.apply(sessions.emitted.rows) }
    sessions.emitted.clear()
  }

  /// Begins to bring the views from the sessions of the last commit to those of this one: then each changed user is published.
  ///
  /// - `lists`: whether sessions that changed are put into the outbox, too.
  func beginPublishing(lists: Bool, into transaction: Transaction) { sessions?.listRetracted(lists, into: transaction) }

  @inline(__always) func publish(_ slot: Int, lists: Bool, into transaction: Transaction) {
    guard let sessions else { return }
    sessions.publish(slot, listing: lists ? dictionary : nil, into: transaction)
    if sessions.emitted.count >= 4_096 { giveToViews(sessions) }
  }

  func endPublishing() {
    if let sessions { giveToViews(sessions) }
  }

  /// Sorts the changed users by key: RocksDB inserts ascending keys at a fraction of the cost.
  func sortDirty() {
    let count = dirty.count
    guard count > 1 else { return }
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: count) { keys in
      withUnsafeTemporaryAllocation(of: Int64.self, capacity: count) { slots in
        for index in 0..<count {
          keys[index] = users.slots[Int(dirty[index])].key.high
          slots[index] = Int64(dirty[index])
        }
        // The first half of a hashed key is order enough.
        sorter.sort(keys.baseAddress!, slots.baseAddress!, count: count)
        for index in 0..<count { dirty[index] = Int32(truncatingIfNeeded: slots[index]) }
      }
    }
  }

  /// Asks for the memory of users that are written soon: in key order they lie anywhere.
  @inline(__always) func prefetchDirty(after index: Int) {
    if index + 12 < dirty.count { Memory.prefetch(users.slots + Int(dirty[index + 12])) }
    guard index + 6 < dirty.count else { return }
    let user = users.slots + Int(dirty[index + 6])
    if let sessions = user.pointee.sessions { Memory.prefetch(sessions) }
    if let lanes = user.pointee.lanes { Memory.prefetch(lanes) }
  }

  func flush(newest: Int64?, lists: Bool, into transaction: Transaction) {
    for rollup in rollups { rollup.flush(newest: newest, lists: lists, into: transaction) }
    for funnel in funnels { funnel.flush(newest: newest, lists: lists, into: transaction) }
  }

  /// Releases what no event within the horizon can reach any more. It must not show in any result.
  func forget(_ slot: Int, oldest: Int64, gap: Int64) {
    let user = users.slots + slot
    var past = 0
    while past < Int(user.pointee.sessionCount),
      users.layout.end(user.pointee.sessions! + past * users.layout.stride) < oldest - gap
    { past += 1 }
    users.removeSessions(slot, 0..<past)
    for funnel in funnels { funnel.forget(slot, before: oldest) }
  }

  /// Drops the users that were not used for longest until about `bytes` are left.
  func releaseUsers(to bytes: Int) {
    let touched = (0..<users.count).map { users.slots[$0].touched }.sorted()
    guard !touched.isEmpty else { return }
    let share = min(0.9, Double(bytes) / Double(max(users.byteCount, 1)))
    let threshold = touched[min(touched.count - 1, Int(Double(touched.count) * (1 - share)))]
    users.release { $0.touched > threshold }
  }
}
