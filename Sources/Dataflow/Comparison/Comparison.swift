import Basics

/// Two generations' answers, held against each other cell by cell.
///
/// Both sides are read in the order of their buckets and merged, a window of buckets at a time; a window whose cells outgrow
/// `byteLimit` is read in several passes, each of the cells whose dimensions hash to it. A cell is a row as `export` prints it:
/// quarter hours are added up to hours. Funnels are compared per entry bucket of 15 minutes and step, in total and by `by`.
public struct Comparison: Sendable {
  public struct Options: Sendable {
    /// Only this view.
    public var view: String?
    /// Rows with start <= bucket < end; milliseconds; nil is open.
    public var start: Int64?
    public var end: Int64?
    /// Movers kept of each measure.
    public var moverLimit = 10
    /// Memory for the cells of each side.
    public var byteLimit = 128 << 20

    public init() {}
  }

  let a: Answers
  let b: Answers
  /// Rows before are not whole on one of the sides; nil: all are.
  let exactFrom: Int64?
  let options: Options

  public init(_ a: Answers, _ b: Answers, exactFrom: Int64?, options: Options = Options()) {
    self.a = a
    self.b = b
    self.exactFrom = exactFrom
    self.options = options
  }

  /// One difference per view of either side: those of a in its order, then those that only b has.
  ///
  /// - Errors: `.invalid` for a view that neither has.
  public func run() throws(Failure) -> [ViewDifference] {
    var names = a.plan.topology.views.map(\.name)
    names += b.plan.topology.views.map(\.name).filter { !names.contains($0) }
    if let only = options.view {
      guard names.contains(only) else {
        throw .invalid("neither generation has a view '\(only)'; they have \(names.joined(separator: ", "))")
      }
      names = [only]
    }
    var differences: [ViewDifference] = []
    for name in names { differences.append(try compare(name)) }
    return differences
  }

  private func compare(_ name: String) throws(Failure) -> ViewDifference {
    var difference = ViewDifference(view: name)
    switch (a.plan.viewPlan(named: name), b.plan.viewPlan(named: name)) {
    case (.rollup(let left, let leftTable)?, .rollup(let right, let rightTable)?):
      try compare(
        RollupSides(name: name, a: left, b: right, tableA: leftTable, tableB: rightTable), into: &difference)
    case (.funnel(let left, let leftTable)?, .funnel(let right, let rightTable)?):
      try compare(left, right, leftTable, rightTable, into: &difference)
    case (let left?, let right?):
      difference.notes.append("a rollup on one side and a funnel on the other: nothing of it can be compared")
      difference.removed = try count(a, left)
      difference.added = try count(b, right)
    case (let left?, nil):
      difference.notes.append("only the first has this view")
      difference.removed = try count(a, left)
    case (nil, let right?):
      difference.notes.append("only the second has this view")
      difference.added = try count(b, right)
    case (nil, nil): break
    }
    return difference
  }

  /// All rows of a view that stands alone.
  private func count(_ answers: Answers, _ view: Plan.ViewPlan) throws(Failure) -> Int64 {
    var count: Int64 = 0
    for side in try ComparedTable.all(of: view, answers) {
      try merge(side, nil) { _, _, _ in count += 1 }
    }
    return count
  }

  private func compare(_ sides: RollupSides, into difference: inout ViewDifference) throws(Failure) {
    sides.describe(&difference)
    var movers = Movers(limit: options.moverLimit)
    for grain in sides.grains {
      let (left, right) = (try sides.table(grain, of: a, isA: true), try sides.table(grain, of: b, isA: false))
      try merge(left, right) { bucket, one, other in
        judge(grain.name, bucket, one, other, &difference, &movers)
      }
    }
    movers.finish(&difference)
    guard difference.differs, let coarsest = sides.grains.last else { return }
    // What became of whole buckets, and of single values: rows of no dimension, and of each alone.
    let groups: [Field?] = [nil] + (sides.dimensions.count > 1 ? sides.dimensions.map { $0 } : [])
    for field in groups {
      let kept = field.map { [$0] } ?? []
      var totals = ViewDifference.Totals(by: field?.description, grain: coarsest.name)
      var largest = LargestMovers(limit: options.moverLimit) { $0.distance }
      let left = try sides.table(coarsest, of: a, isA: true, keeping: kept)
      let right = try sides.table(coarsest, of: b, isA: false, keeping: kept)
      try merge(left, right) { bucket, one, other in
        guard exactFrom.map({ bucket >= $0 }) ?? true else { return }
        let found = ComparedRow.movers(coarsest.name, bucket, one, other)
        if found.isEmpty, one != nil, other != nil { totals.equal += 1 } else { totals.different += 1 }
        for mover in found { largest.add(mover) }
      }
      totals.largest = largest.sorted
      difference.totals.append(totals)
    }
  }

  private func compare(
    _ left: FunnelPlan, _ right: FunnelPlan, _ leftTable: UInt16, _ rightTable: UInt16,
    into difference: inout ViewDifference
  ) throws(Failure) {
    let measures = FunnelMeasures(left.definition)
    let others = FunnelMeasures(right.definition)
    difference.onlyInA.measures = measures.names.filter { !others.names.contains($0) }
    difference.onlyInB.measures = others.names.filter { !measures.names.contains($0) }
    if left.definition.steps.map(\.name) != right.definition.steps.map(\.name) {
      difference.notes.append("the steps differ; those of one name are compared")
    }
    var movers = Movers(limit: options.moverLimit)
    let shared = measures.names.filter(others.names.contains)
    func compareTables(_ offset: UInt16, _ by: [Field]) throws(Failure) {
      let one = try ComparedTable.funnel(left, leftTable + offset, a, by: by, measures: shared)
      let other = try ComparedTable.funnel(right, rightTable + offset, b, by: by, measures: shared)
      try merge(one, other) { bucket, one, other in
        judge(FunnelMeasures.grain, bucket, one, other, &difference, &movers)
      }
    }
    try compareTables(0, [])
    if let by = left.definition.by, by == right.definition.by {
      difference.comparedDimensions = [by.description]
      try compareTables(1, [by])
    } else if left.definition.by != right.definition.by {
      difference.onlyInA.dimensions = left.definition.by.map { [$0.description] } ?? []
      difference.onlyInB.dimensions = right.definition.by.map { [$0.description] } ?? []
      difference.notes.append("'by' differs, so only the totals are compared")
    }
    movers.finish(&difference)
  }

  private struct Movers {
    var absolute: LargestMovers
    var relative: LargestMovers

    init(limit: Int) {
      absolute = LargestMovers(limit: limit) { $0.distance }
      relative = LargestMovers(limit: limit) { $0.relativeDistance }
    }

    func finish(_ difference: inout ViewDifference) {
      difference.largest = absolute.sorted
      difference.largestRelative = relative.sorted
    }
  }

  private func judge(
    _ grain: String, _ bucket: Int64, _ one: ComparedRow?, _ other: ComparedRow?,
    _ difference: inout ViewDifference, _ movers: inout Movers
  ) {
    if let exactFrom, bucket < exactFrom {
      difference.notRebuilt += 1
      return
    }
    let found = ComparedRow.movers(grain, bucket, one, other)
    switch (one == nil, other == nil) {
    case (false, false): if found.isEmpty { difference.equal += 1 } else { difference.changed += 1 }
    case (true, false): difference.added += 1
    case (false, true): difference.removed += 1
    case (true, true): break
    }
    for mover in found {
      movers.absolute.add(mover)
      if mover.relativeDistance != 0 { movers.relative.add(mover) }
    }
  }

  /// Calls `body` for every row of either table, by bucket and then by dimensions bytewise.
  private func merge(
    _ left: ComparedTable?, _ right: ComparedTable?,
    _ body: (_ bucket: Int64, ComparedRow?, ComparedRow?) -> Void
  ) throws(Failure) {
    var from = options.start ?? .min
    while true {
      let nexts = [try left?.firstBucket(atOrAfter: from), try right?.firstBucket(atOrAfter: from)]
      guard let next = nexts.compactMap({ $0 }).min() else { return }
      let window = BucketWindow((left ?? right)!.grain, from: next)
      // Rows that start in the range may hold stored buckets that start up to an hour later.
      if let end = options.end, next >= end + Timestamp.hour { return }
      try merge(left, right, window, ComparedTable.Slice(), body)
      from = window.end
    }
  }

  /// A slice of a window; in parts when it does not fit, of time first, as often as it takes.
  private func merge(
    _ left: ComparedTable?, _ right: ComparedTable?, _ window: BucketWindow, _ slice: ComparedTable.Slice,
    _ body: (_ bucket: Int64, ComparedRow?, ComparedRow?) -> Void
  ) throws(Failure) {
    let one = left == nil ? ComparedWindow.empty : try left!.read(window, slice, options)
    let other = right == nil || one == nil ? ComparedWindow.empty : try right!.read(window, slice, options)
    if let one, let other { return hand(one, other, body) }
    if let halves = window.halves {
      for half in [halves.0, halves.1] { try merge(left, right, half, slice, body) }
    } else {
      for part in slice.parts { try merge(left, right, window, part, body) }
    }
  }

  private func hand(
    _ one: ComparedWindow, _ other: ComparedWindow, _ body: (Int64, ComparedRow?, ComparedRow?) -> Void
  ) {
    var (i, j) = (0, 0)
    while i < one.count || j < other.count {
      let order = i == one.count ? 1 : j == other.count ? -1 : one.compare(i, other, j)
      if order < 0 {
        body(one.bucket(i), one.row(i), nil)
        i += 1
      } else if order > 0 {
        body(other.bucket(j), nil, other.row(j))
        j += 1
      } else {
        body(one.bucket(i), one.row(i), other.row(j))
        i += 1
        j += 1
      }
    }
  }
}
