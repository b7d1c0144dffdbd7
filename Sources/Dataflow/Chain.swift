import Basics
import Events
import Stores

/// Everything one topology does with one partition: judge -> dedup -> sessions -> views, over one store.
///
/// It takes decoded batches in log order and never learns where a batch or a commit ends: results are a function of the
/// records alone. Owned by one thread at a time.
public final class Chain {
  private let plan: Plan
  private let store: Store
  private let hasStamps: Bool
  private let horizon: Int64
  private let budget: Int
  private let stopwatch: Stopwatch
  private let outputs: Outputs
  /// Whether commits put what they change into the outbox, for `outputs`.
  public var listsChanges: Bool

  private var meta = ChainMeta()
  public private(set) var ledger: Ledger

  private let clock: BucketClock
  private let identifiers: Deduplicator
  // These hold dictionary codes, so they live and die together: see `renew`.
  private var memory: CodedMemory

  private var batchNumber: UInt32 = 0
  private var scratch = BatchScratch()
  private var body = ByteWriter(capacity: 4_096)
  private var key = ByteWriter()
  private var value = ByteWriter(capacity: 4_096)
  /// Texts of the users numbered since the last commit.
  private var newUsers = ByteWriter(capacity: 4_096)
  private var newUserCount: UInt32 = 0

  /// - `bytes`: what ids, users, texts and open cells may take in memory.
  /// - `hasStamps`: false for files, in which nothing is late, in the future, forgotten or expired.
  /// - `outputs`: whose changes commits put into the outbox.
  public init(
    plan: Plan, store: Store, hasStamps: Bool, bytes: Int, outputs: Outputs = Outputs(),
    stopwatch: Stopwatch = Stopwatch()
  ) throws(Failure) {
    self.outputs = outputs
    listsChanges = !outputs.isEmpty
    self.plan = plan
    self.stopwatch = stopwatch
    self.store = store
    self.hasStamps = hasStamps
    horizon = plan.topology.source.horizonMilliseconds
    budget = bytes
    clock = try BucketClock(timezone: plan.topology.timezone)
    if let stored = try store.get(KeyLayout.meta) {
      meta = try stored.span.withUnsafeBytes { (bytes) throws(Failure) in try ChainMeta(from: bytes) }
    }
    ledger = try Ledger.read(from: try store.get(KeyLayout.ledger), columns: plan.projection.columns.count)
    identifiers = try Deduplicator(
      store: store, keptHours: Identifier.keptHours(horizonMilliseconds: horizon), expires: hasStamps, bytes: bytes / 2,
      meta: meta.identifiers)
    memory = CodedMemory(plan: plan, clock: clock, outputs: outputs)
    memory.users.isComplete = meta.nextUser == 0
  }

  /// M, the newest append stamp; nil before the first record and in logs without stamps.
  public var newestStamp: Int64? { meta.newestStamp == .min ? nil : meta.newestStamp }

  /// Bytes in memory now.
  public var byteCount: Int { identifiers.byteCount + memory.byteCount }

  /// Memory is over its share, and only a commit can release it.
  public var wantsCommit: Bool { memory.usedByteCount > budget / 2 || identifiers.isFull }

  /// Reads all the batch will touch that is not in memory: users, and ids that a filter cannot rule out.
  public func prefetch(_ batch: EventBatch) throws(Failure) {
    batchNumber &+= 1
    scratch.reserve(batch.count, columns: plan.projection.columns.count)
    scratch.candidateCount = 0
    for row in 0..<batch.count where batch.status[row] == 0 {
      scratch.candidates[scratch.candidateCount] = Int32(row)
      scratch.candidateCount += 1
    }
    try memory.fetchUsers(batch.userKey, &scratch, from: store, batch: batchNumber)
    try identifiers.prefetch(batch.eventKey, rows: scratch.candidates, count: scratch.candidateCount)
    stopwatch.lap(.prefetch)
  }

  /// Judges and counts the batch, in log order, over memory only. `stamps` are the records' append stamps in milliseconds.
  ///
  /// Afterwards `batch.status` holds each record's `Verdict`.
  public func apply(_ batch: EventBatch, stamps: UnsafePointer<Int64>) {
    judge(batch, stamps)
    stopwatch.lap(.dedup)
    guard scratch.selectedCount > 0 else { return }
    for column in plan.projection.columns.indices where plan.projection.columns[column].kind == .text {
      memory.dictionary.intern(
        batch.texts(column), scratch.selection, count: scratch.selectedCount, into: scratch.texts[column])
    }
    stopwatch.lap(.texts)
    memory.apply(
      Rows(
        selection: scratch.selection, selected: scratch.selectedCount, time: scratch.time, user: scratch.user,
        weight: nil,
        texts: scratch.texts,
        numbers: plan.projection.columns.indices.map { column in
          plan.projection.columns[column].kind == .text ? scratch.noNumbers : batch.numbers(column)
        }),
      ids: batch.eventID, slots: scratch.slots, eventType: plan.eventType.map { scratch.texts[$0] },
      stopwatch)
  }

  /// Puts all that changed since the last commit into the transaction, which the caller completes and writes.
  public func commit(into transaction: Transaction) throws(Failure) {
    // Once, and not for each user.
    let memory = memory
    let users = memory.users
    let newest = newestStamp
    let oldest = newest.map { $0 - horizon }
    memory.beginPublishing(lists: listsChanges, into: transaction)
    memory.sortDirty()
    for index in memory.dirty.indices {
      memory.prefetchDirty(after: index)
      let slot = Int(memory.dirty[index])
      // Before anything is forgotten: what changed is published once, then it may go.
      memory.publish(slot, lists: listsChanges, into: transaction)
      if let oldest { memory.forget(slot, oldest: oldest, gap: plan.topology.gapMilliseconds) }
      key.clear()
      KeyLayout.user(users.slots[slot].key, into: &key)
      value.clear()
      UserRecord.encode(users.slots[slot], users, memory.dictionary, &body, into: &value)
      transaction.put(key.bytes, value.bytes)
      users.slots[slot].isDirty = false
    }
    memory.dirty.removeAll(keepingCapacity: true)
    memory.endPublishing()
    try putNewUsers(into: transaction)
    memory.flush(newest: newest, lists: listsChanges, into: transaction)
    try identifiers.commit(into: transaction, hour: hour, key: &key, value: &value)
    meta.identifiers = identifiers.meta
    value.clear()
    meta.encode(into: &value)
    transaction.put(KeyLayout.meta, value.bytes)
    value.clear()
    ledger.encode(into: &value)
    transaction.put(KeyLayout.ledger, value.bytes)
  }

  /// Called after the transaction was written: nothing in memory is ahead of the store, so anything may be dropped.
  public func committed() {
    if memory.dictionary.byteCount > budget / 8 {
      memory = CodedMemory(plan: plan, clock: clock, outputs: outputs)
    } else if memory.users.byteCount > budget / 4 {
      memory.releaseUsers(to: budget / 8)
    }
  }

  /// Drops what memory holds beyond the store, as if the process had just started. Only right after a commit.
  public func releaseAll() { memory = CodedMemory(plan: plan, clock: clock, outputs: outputs) }

  private var hour: UInt32 {
    meta.newestStamp <= 0 ? 0 : UInt32(truncatingIfNeeded: meta.newestStamp / Timestamp.hour)
  }

  private func judge(_ batch: EventBatch, _ stamps: UnsafePointer<Int64>) {
    var selected = 0
    let ahead = 16
    for row in 0..<min(ahead, batch.count) { identifiers.touch(batch.eventKey[row]) }
    for row in 0..<batch.count {
      // Lines of the table are asked for before they are needed, so that they come side by side.
      if row + ahead < batch.count { identifiers.touch(batch.eventKey[row + ahead]) }
      if hasStamps, stamps[row] > meta.newestStamp { meta.newestStamp = stamps[row] }
      guard batch.status[row] == 0 else {
        ledger.quarantined[Int(batch.status[row])] += 1
        continue
      }
      var time = batch.time[row]
      if hasStamps {
        if time > meta.newestStamp + 24 * Timestamp.hour {
          batch.status[row] = Rejection.future.rawValue
          ledger.quarantined[Int(Rejection.future.rawValue)] += 1
          continue
        }
        time = min(time, meta.newestStamp)
        if meta.newestStamp - time > horizon {
          batch.status[row] = Verdict.late
          ledger.late += 1
          continue
        }
      }
      switch identifiers.judge(batch.eventKey[row], hour: hour, check: batch.check[row]) {
      case .new: break
      case .collision:
        ledger.collisions += 1
        fallthrough
      case .duplicate:
        batch.status[row] = Verdict.duplicate
        ledger.duplicates += 1
        continue
      }
      ledger.counted += 1
      meta.newestTime = max(meta.newestTime, time)
      scratch.time[row] = time
      scratch.user[row] = userNumber(Int(scratch.slots[row]), batch, row)
      scratch.selection[selected] = Int32(row)
      selected += 1
    }
    scratch.selectedCount = selected
    for column in plan.projection.columns.indices { ledger.unusableValues[column] += batch.unusable(column) }
  }

  /// The user's number, given at the first counted event; marks the user as changed.
  @inline(__always) private func userNumber(_ slot: Int, _ batch: EventBatch, _ row: Int) -> UInt32 {
    let user = memory.users.slots + slot
    if !user.pointee.isDirty {
      user.pointee.isDirty = true
      memory.dirty.append(Int32(slot))
    }
    if user.pointee.number == UserTable.noNumber {
      user.pointee.number = meta.nextUser
      meta.nextUser += 1
      newUserCount += 1
      newUsers.text(batch.user[row].bytes)
    }
    return user.pointee.number
  }

  /// Numbers are given in order, so new users stand in blocks under the first number.
  private func putNewUsers(into transaction: Transaction) throws(Failure) {
    let usersPerBlock: UInt32 = 1_024
    var reader = ByteReader(newUsers.bytes, "new users")
    var first = meta.nextUser - newUserCount
    while first < meta.nextUser {
      let end = min(first + usersPerBlock, meta.nextUser)
      let start = reader.index
      for _ in first..<end { _ = try reader.text() }
      KeyLayout.users(from: first, into: &key)
      transaction.put(key.bytes, UnsafeRawBufferPointer(rebasing: newUsers.bytes[start..<reader.index]))
      first = end
    }
    newUsers.clear()
    newUserCount = 0
  }
}
