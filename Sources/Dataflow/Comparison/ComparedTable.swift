import Basics
import Stores

/// One side of a comparison: the cells of one table and grain, by the dimensions compared, and how its measures are read.
struct ComparedTable {
  typealias Reader = (_ cells: CellTable, _ cell: Int, _ members: Members) -> MeasureValue

  let snapshots: [Snapshot]
  let table: UInt16
  let grain: Grain
  let group: [Int]
  let dimensionNames: [String]
  let schema: CellSchema
  let measures: [(name: String, read: Reader)]
  /// Whether a cell without rows does not show: of rollups, whose first part counts them.
  let countsRows: Bool
  /// The row of a stored bucket; nil when it does not show.
  let row: (Int64) -> Int64?
  private let first: (Int64) throws(Failure) -> Int64?

  /// The cells whose dimensions hash to `number` of `count`.
  struct Slice {
    var number = 0
    var count = 1

    /// By a hash of the dimensions' texts, which is the same in every dictionary.
    @inline(__always) func holds(_ dictionary: TextDictionary, _ dimensions: Int, _ code: (Int) -> UInt32) -> Bool {
      if count == 1 { return true }
      var hash: UInt32 = 7
      for dimension in 0..<dimensions { hash = (hash &* 31) &+ dictionary.hash(code(dimension)) }
      return Int((hash &* 0x9E37_79B9) >> 8) % count == number
    }

    var parts: [Slice] { (0..<4).map { Slice(number: number + $0 * count, count: count * 4) } }
  }

  func firstBucket(atOrAfter time: Int64) throws(Failure) -> Int64? { try first(time) }

  /// Rows of some stored buckets; nil when they take more than the limit and may be taken in parts.
  func read(
    _ window: BucketWindow, _ slice: Slice, _ options: Comparison.Options
  ) throws(Failure) -> ComparedWindow? {
    let dictionary = TextDictionary()
    var scan = CellScan(
      table: table, grain: grain, start: window.start, end: window.end, group: group,
      parts: Array(schema.parts.indices),
      schema: schema,
      row: { stored in
        guard let row = row(stored), options.start.map({ row >= $0 }) ?? true, options.end.map({ row < $0 }) ?? true
        else { return nil }
        return row
      })
    if slice.count > 1 {
      scan.accepts = { codes in slice.holds(dictionary, group.count) { codes[group[$0]] } }
    }
    // One cell may be too large by itself.
    let byteLimit = window.halves == nil && (group.isEmpty || slice.count >= 4_096) ? .max : options.byteLimit
    guard let cells = try scan.run(snapshots, dictionary, byteLimit: byteLimit) else { return nil }
    return ComparedWindow(self, cells)
  }

  static func rollup(
    _ plan: RollupPlan, _ table: UInt16, _ answers: Answers, _ definition: GrainDefinition, group: [Int],
    measures: [String]
  ) throws(Failure) -> ComparedTable {
    let clock = try BucketClock(timezone: answers.plan.topology.timezone)
    let expired = answers.expiry(definition)
    return ComparedTable(
      snapshots: answers.snapshots, table: table, grain: definition.grain, group: group,
      dimensionNames: group.map { plan.definition.by[$0].description }, schema: plan.schema,
      measures: measures.compactMap { name in
        plan.measures.first { $0.measure.name == name }.map { measure in
          (name, { cells, cell, members in measure.value(cells, cell, members) { $0 } })
        }
      }, countsRows: true,
      row: { bucket in
        let row = definition.grain == .hour ? Timestamp.floor(bucket, to: Timestamp.hour) : bucket
        let end = definition.grain == .hour ? row + Timestamp.hour : clock.bucketEnd(bucket, grain: definition.grain)
        return end > expired ? row : nil
      },
      first: { (time) throws(Failure) in try answers.firstBucket(table, definition.grain, atOrAfter: time) })
  }

  static func funnel(
    _ plan: FunnelPlan, _ table: UInt16, _ answers: Answers, by: [Field], measures: [String]
  ) throws(Failure) -> ComparedTable {
    let known = FunnelMeasures(plan.definition)
    let expired = answers.expiry(
      GrainDefinition(grain: .hour, retentionMilliseconds: plan.definition.retentionMilliseconds))
    return ComparedTable(
      snapshots: answers.snapshots, table: table, grain: .hour, group: Array(by.indices),
      dimensionNames: by.map(\.description), schema: plan.schema(dimensions: by.count),
      measures: measures.map { name in (name, known.reader(name)) }, countsRows: false,
      row: { $0 + BucketClock.quarter > expired ? $0 : nil },
      first: { (time) throws(Failure) in try answers.firstBucket(table, .hour, atOrAfter: time) })
  }

  /// All tables and grains of a view.
  static func all(of view: Plan.ViewPlan, _ answers: Answers) throws(Failure) -> [ComparedTable] {
    switch view {
    case .rollup(let plan, let table):
      return try plan.definition.grains.map { (grain) throws(Failure) in
        try rollup(
          plan, table, answers, grain, group: Array(plan.dimensions.indices),
          measures: plan.measures.map(\.measure.name))
      }
    case .funnel(let plan, let table):
      let names = FunnelMeasures(plan.definition).names
      var tables = [try funnel(plan, table, answers, by: [], measures: names)]
      if let by = plan.definition.by {
        tables.append(try funnel(plan, table + 1, answers, by: [by], measures: names))
      }
      return tables
    }
  }
}

/// What is compared of a funnel: users at each step, and the median of the times to it.
struct FunnelMeasures {
  static let grain = "quarter_hour"

  let names: [String]
  private let stepCount: Int

  init(_ definition: FunnelDefinition) {
    stepCount = definition.steps.count
    var steps: [String] = []
    for step in definition.steps {
      // Two steps may have one name.
      let twins = steps.filter { $0 == step.name || $0.hasPrefix("\(step.name)#") }.count
      steps.append(twins == 0 ? step.name : "\(step.name)#\(twins + 1)")
    }
    names = steps + steps.dropFirst().map { "\($0).median_seconds" }
  }

  func reader(_ name: String) -> ComparedTable.Reader {
    let index = names.firstIndex(of: name)!
    if index < stepCount {
      return { cells, cell, _ in MeasureValue(units: Int128(cells.columns[index].counts![cell]), scale: 0) }
    }
    return { _, cell, members in
      let entries = members.of(part: index, cell: cell)
      let median = Histogram.quantile(
        (0..<entries.count).map { (entries[$0].member, entries[$0].value) }, millionths: 500_000)
      return MeasureValue(units: median, scale: 3)
    }
  }
}
