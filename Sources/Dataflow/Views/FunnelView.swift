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
  private let steps: Int
  private let within: Int64
  private let strict: Bool
  private let users: UserTable
  private let dictionary: TextDictionary
  private let total: CellTable
  private let byValue: CellTable?
  private let totalWriter: CellWriter
  private let byWriter: CellWriter?

  private var matches: UnsafeMutablePointer<UInt8>
  private var capacity = 0
  private var pending: [(scope: UInt32?, bucket: Int64, summary: FunnelSummary)] = []

  init(
    _ plan: FunnelPlan, table: UInt16, clock: BucketClock, users: UserTable, dictionary: TextDictionary,
    sorter: RadixSort
  ) {
    self.plan = plan
    self.users = users
    self.dictionary = dictionary
    steps = plan.definition.steps.count
    within = plan.definition.withinMilliseconds
    strict = plan.definition.strictIncrease
    let grains = [
      GrainDefinition(grain: .hour, retentionMilliseconds: plan.definition.retentionMilliseconds)
    ]
    total = CellTable(schema: plan.schema(dimensions: 0), dictionary: dictionary, sorter: sorter)
    totalWriter = CellWriter(table: table, grains: grains, clock: clock, sorter: sorter)
    let hasBy = plan.by != nil
    byValue = hasBy ? CellTable(schema: plan.schema(dimensions: 1), dictionary: dictionary, sorter: sorter) : nil
    byWriter = hasBy ? CellWriter(table: table + 1, grains: grains, clock: clock, sorter: sorter) : nil
    matches = .allocate(capacity: 1)
  }

  deinit { matches.deallocate() }

  var byteCount: Int { total.byteCount + (byValue?.byteCount ?? 0) }
  var usedByteCount: Int { total.usedByteCount + (byValue?.usedByteCount ?? 0) }

  func apply(_ rows: Rows, eventType: UnsafePointer<UInt32>, slots: UnsafePointer<Int32>) {
    guard rows.selected > 0 else { return }
    reserve(rows.selected)
    let types = plan.definition.steps.map { dictionary.intern($0.eventType) }
    for step in 0..<steps {
      if let filter = plan.filters[step] { filter.evaluate(rows, dictionary, into: matches + step * capacity) }
    }
    let by = plan.by.map { rows.texts[$0] }
    for index in 0..<rows.selected {
      let row = Int(rows.selection[index])
      let type = eventType[row]
      for step in 0..<steps where types[step] == type {
        if plan.filters[step] != nil, matches[step * capacity + index] != 1 { continue }
        insert(Int(slots[row]), step, rows.time[row], step == 0 ? (by?[row] ?? 0) : 0)
      }
    }
  }

  func flush(newest: Int64?, into transaction: Transaction) {
    totalWriter.flush(total, newest: newest, into: transaction)
    total.clear()
    if let byValue, let byWriter {
      byWriter.flush(byValue, newest: newest, into: transaction)
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

  private func insert(_ slot: Int, _ step: Int, _ time: Int64, _ by: UInt32) {
    let lanes = users.lane(slot, plan.firstLane)
    let path = FunnelPath(lanes: lanes, steps: steps, within: within, strict: strict)
    let user = users.slots[slot].number
    if step == 0 {
      // An entry that reaches nothing further changes no time between steps.
      if path.level(of: time) == 1 {
        if lanes.pointee.insert(StepTime(time: time, by: by), grown: &users.listBytes) {
          reach(1, user, Timestamp.floor(time, to: BucketClock.quarter), by)
        }
        return
      }
      let bucket = Timestamp.floor(time, to: BucketClock.quarter)
      change(lanes, step, StepTime(time: time, by: by), user, path) { visit in visit(bucket, by) }
      return
    }
    guard let range = path.entriesChanged(by: step, at: time) else {
      _ = (lanes + step).pointee.insert(StepTime(time: time, by: 0), grown: &users.listBytes)
      return
    }
    change(lanes, step, StepTime(time: time, by: 0), user, path) { visit in
      var last: (bucket: Int64, by: [UInt32])?
      for index in range {
        let entry = lanes.pointee.steps![index]
        let bucket = Timestamp.floor(entry.time, to: BucketClock.quarter)
        if last == nil || last!.bucket != bucket { last = (bucket, []) }
        if last!.by.contains(entry.by) { continue }
        last!.by.append(entry.by)
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
    let hasBy = byValue != nil
    touched { bucket, by in
      if pending.last(where: { $0.scope == nil })?.bucket != bucket {
        pending.append((nil, bucket, path.summary(bucket: bucket, by: nil)))
      }
      if hasBy { pending.append((by, bucket, path.summary(bucket: bucket, by: by))) }
    }
    guard (lanes + step).pointee.insert(added, grown: &users.listBytes) else { return }
    for (scope, bucket, was) in pending {
      let now = path.summary(bucket: bucket, by: scope)
      if now == was { continue }
      var code = scope ?? 0
      let table = scope == nil ? total : byValue!
      let cell = table.cell(bucket: bucket, key: &code)
      for level in 0..<now.level { table.columns[level].members!.insert(cell: cell, member: user) }
      for step in 1..<steps where was.samples[step] != now.samples[step] {
        let histogram = table.columns[steps + step - 1].members!
        if let old = was.samples[step] { histogram.add(cell: cell, member: Histogram.bucket(Int128(old)), -1) }
        if let new = now.samples[step] { histogram.add(cell: cell, member: Histogram.bucket(Int128(new)), 1) }
      }
    }
  }

  private func reach(_ level: Int, _ user: UInt32, _ bucket: Int64, _ by: UInt32) {
    var code: UInt32 = 0
    let cell = total.cell(bucket: bucket, key: &code)
    for level in 0..<level { total.columns[level].members!.insert(cell: cell, member: user) }
    guard let byValue else { return }
    code = by
    let byCell = byValue.cell(bucket: bucket, key: &code)
    for level in 0..<level { byValue.columns[level].members!.insert(cell: byCell, member: user) }
  }

  private func reserve(_ rows: Int) {
    guard rows > capacity else { return }
    capacity = max(rows, capacity * 2, 1_024)
    matches.deallocate()
    matches = .allocate(capacity: capacity * steps)
  }
}

/// What one user's entries of one bucket (and one value of `by`, or all) come to.
struct FunnelSummary: Equatable {
  /// The best level: 0 without entries.
  var level: Int
  /// Milliseconds from step k-1 to step k (from 0) of the last entry that reaches step k.
  var samples: [Int64?]

  init(steps: Int) {
    level = 0
    samples = Array(repeating: nil, count: steps)
  }
}
