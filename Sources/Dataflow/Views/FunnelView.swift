import Basics
import Stores

/// How far each user came: a user's level in an entry bucket (15 minutes) is the best of the entries in it.
///
/// - State: per user and step a set of times (`StepLane`); cells per entry bucket, and per value of `by` at the entry: the
///   users at level 1...K, and histograms of milliseconds from step to step, one sample per (user, bucket, step), taken
///   from the last entry that reaches the step.
/// - Levels only rise, so users are only ever added; a sample that changed is retracted and asserted anew.
/// - Source: in the default mode the level is ClickHouse's `windowFunnel(within)`.
final class FunnelView {
  private let plan: FunnelPlan
  private let isOutput: Bool
  private let steps: Int
  private let within: Int64
  private let strict: Bool
  private let users: UserTable
  private let dictionary: TextDictionary
  private let total: CellTable
  private let byValue: CellTable?
  /// Users at level 1.
  private let entered: MemberLog
  private let enteredByValue: MemberLog?
  private let totalWriter: CellWriter
  private let byWriter: CellWriter?

  private var matches: UnsafeMutablePointer<UInt8>
  private var capacity = 0
  /// Steps by event type's code, a bit each: codes of the declared types are given first and so are small.
  private var stepsOfType: [UInt64] = []
  /// A bit for each step with a filter.
  private let filtered: UInt64
  /// What buckets said before a change; their samples lie behind each other in `samples`.
  private var pending: [Pending] = []
  private var samples: UnsafeMutablePointer<Int64>
  private var sampleCapacity = 16
  private var seenValues: [UInt32] = []

  private struct Pending {
    /// nil for all entries, or a value of `by`.
    var scope: UInt32?
    var bucket: Int64
    var level: Int
  }

  init(
    _ plan: FunnelPlan, table: UInt16, isOutput: Bool, clock: BucketClock, users: UserTable,
    dictionary: TextDictionary, sorter: RadixSort
  ) {
    self.plan = plan
    self.isOutput = isOutput
    self.users = users
    self.dictionary = dictionary
    steps = plan.definition.steps.count
    within = plan.definition.withinMilliseconds
    strict = plan.definition.strictIncrease
    let grains = plan.grains
    total = CellTable(schema: plan.schema(dimensions: 0), dictionary: dictionary, sorter: sorter)
    entered = total.columns[0].members!
    totalWriter = CellWriter(table: table, grains: grains, clock: clock, sorter: sorter)
    let hasBy = plan.by != nil
    byValue = hasBy ? CellTable(schema: plan.schema(dimensions: 1), dictionary: dictionary, sorter: sorter) : nil
    enteredByValue = byValue?.columns[0].members
    byWriter = hasBy ? CellWriter(table: table + 1, grains: grains, clock: clock, sorter: sorter) : nil
    filtered = plan.filters.enumerated().reduce(0) { $0 | ($1.element == nil ? 0 : 1 << UInt64($1.offset)) }
    matches = .allocate(capacity: 1)
    samples = .allocate(capacity: sampleCapacity * steps)
    for (step, declared) in plan.definition.steps.enumerated() {
      let code = Int(dictionary.intern(declared.eventType))
      while stepsOfType.count <= code { stepsOfType.append(0) }
      stepsOfType[code] |= 1 << UInt64(step)
    }
  }

  deinit {
    matches.deallocate()
    samples.deallocate()
  }

  var byteCount: Int { total.byteCount + (byValue?.byteCount ?? 0) }
  var usedByteCount: Int { total.usedByteCount + (byValue?.usedByteCount ?? 0) }

  func apply(_ rows: Rows, eventType: UnsafePointer<UInt32>, slots: UnsafePointer<Int32>) {
    guard rows.selected > 0 else { return }
    reserve(rows.selected)
    for step in 0..<steps {
      if let filter = plan.filters[step] { filter.evaluate(rows, dictionary, into: matches + step * capacity) }
    }
    let by = plan.by.map { rows.texts[$0] }
    let ahead = 8
    for index in 0..<rows.selected {
      if index + ahead < rows.selected { touch(Int(rows.selection[index + ahead]), eventType, slots) }
      let row = Int(rows.selection[index])
      let type = Int(eventType[row])
      guard type < stepsOfType.count else { continue }
      var left = stepsOfType[type]
      while left != 0 {
        let step = left.trailingZeroBitCount
        left &= left - 1
        if filtered >> UInt64(step) & 1 != 0, matches[step * capacity + index] != 1 { continue }
        insert(Int(slots[row]), step, rows.time[row], step == 0 ? (by?[row] ?? 0) : 0)
      }
    }
  }

  func flush(newest: Int64?, lists: Bool, into transaction: Transaction) {
    totalWriter.flush(total, newest: newest, lists: lists && isOutput, into: transaction)
    total.clear()
    if let byValue, let byWriter {
      byWriter.flush(byValue, newest: newest, lists: lists && isOutput, into: transaction)
      byValue.clear()
    }
  }

  /// Forgets steps that no event within the horizon can reach any more, but never a part of a bucket: an entry of the same
  /// bucket may still have to be compared with them.
  func forget(_ slot: Int, before time: Int64) {
    guard users.slots[slot].lanes != nil else { return }
    let bucket = Timestamp.floor(time - within, to: BucketClock.quarter)
    for step in 0..<steps { users.lane(slot, plan.firstLane + step).pointee.removeBefore(bucket) }
  }

  /// Asks for the ends of the user's lists of steps, where most steps are looked for.
  @inline(__always) private func touch(
    _ row: Int, _ eventType: UnsafePointer<UInt32>, _ slots: UnsafePointer<Int32>
  ) {
    guard Int(eventType[row]) < stepsOfType.count, let all = users.slots[Int(slots[row])].lanes else { return }
    let lanes = all + plan.firstLane
    for step in 0..<steps where lanes[step].count > 0 {
      Memory.prefetch(lanes[step].steps! + Int(lanes[step].count) - 1)
    }
  }

  private func insert(_ slot: Int, _ step: Int, _ time: Int64, _ by: UInt32) {
    let lanes = users.lane(slot, plan.firstLane)
    let path = FunnelPath(lanes: lanes, steps: steps, within: within, strict: strict)
    let user = users.slots[slot].number
    if step == 0 {
      // An entry that reaches nothing further changes no time between steps.
      if path.level(of: time) == 1 {
        if lanes.pointee.insert(StepTime(time: time, by: by), users.pool) {
          enter(user, Timestamp.floor(time, to: BucketClock.quarter), by)
        }
        return
      }
      let bucket = Timestamp.floor(time, to: BucketClock.quarter)
      change(lanes, step, StepTime(time: time, by: by), user, path) { visit in visit(bucket, by) }
      return
    }
    guard let range = path.entriesChanged(by: step, at: time) else {
      _ = (lanes + step).pointee.insert(StepTime(time: time, by: 0), users.pool)
      return
    }
    change(lanes, step, StepTime(time: time, by: 0), user, path) { visit in
      var last: Int64?
      for index in range {
        let entry = lanes.pointee.steps![index]
        let bucket = Timestamp.floor(entry.time, to: BucketClock.quarter)
        if last != bucket { seenValues.removeAll(keepingCapacity: true) }
        last = bucket
        if seenValues.contains(entry.by) { continue }
        seenValues.append(entry.by)
        visit(bucket, entry.by)
      }
    }
  }

  /// Adds the step and brings the cells of the buckets it touches from what they said before to what they say after.
  private func change(
    _ lanes: UnsafeMutablePointer<StepLane>, _ step: Int, _ added: StepTime, _ user: UInt32, _ path: FunnelPath,
    _ touched: (_ visit: (_ bucket: Int64, _ by: UInt32) -> Void) -> Void
  ) {
    pending.removeAll(keepingCapacity: true)
    var last: Int64?
    touched { bucket, by in
      if last != bucket { remember(path, bucket, nil) }
      last = bucket
      if byValue != nil { remember(path, bucket, by) }
    }
    guard (lanes + step).pointee.insert(added, users.pool) else { return }
    withUnsafeTemporaryAllocation(of: Int64.self, capacity: steps) { now in
      for (index, was) in pending.enumerated() {
        let level = path.summary(bucket: was.bucket, by: was.scope, samples: now.baseAddress!)
        let old = samples + index * steps
        var code = was.scope ?? 0
        let table = was.scope == nil ? total : byValue!
        let cell = table.cell(bucket: was.bucket, key: &code)
        // Whoever was at a level is in its set already.
        for level in was.level..<max(level, was.level) {
          table.columns[level].members!.insert(cell: cell, member: user)
        }
        for step in 1..<steps where old[step] != now[step] {
          let histogram = table.columns[steps + step - 1].members!
          if old[step] >= 0 { histogram.add(cell: cell, member: Histogram.bucket(Int128(old[step])), -1) }
          if now[step] >= 0 { histogram.add(cell: cell, member: Histogram.bucket(Int128(now[step])), 1) }
        }
      }
    }
  }

  /// Keeps what a bucket says now.
  private func remember(_ path: FunnelPath, _ bucket: Int64, _ scope: UInt32?) {
    if pending.count == sampleCapacity {
      let larger = UnsafeMutablePointer<Int64>.allocate(capacity: sampleCapacity * 2 * steps)
      larger.update(from: samples, count: sampleCapacity * steps)
      samples.deallocate()
      samples = larger
      sampleCapacity *= 2
    }
    let level = path.summary(bucket: bucket, by: scope, samples: samples + pending.count * steps)
    pending.append(Pending(scope: scope, bucket: bucket, level: level))
  }

  /// The user is at level 1.
  private func enter(_ user: UInt32, _ bucket: Int64, _ by: UInt32) {
    var code: UInt32 = 0
    entered.insert(cell: total.cell(bucket: bucket, key: &code), member: user)
    guard let byValue, let enteredByValue else { return }
    code = by
    enteredByValue.insert(cell: byValue.cell(bucket: bucket, key: &code), member: user)
  }

  private func reserve(_ rows: Int) {
    guard rows > capacity else { return }
    capacity = max(rows, capacity * 2, 1_024)
    matches.deallocate()
    matches = .allocate(capacity: capacity * steps)
  }
}
