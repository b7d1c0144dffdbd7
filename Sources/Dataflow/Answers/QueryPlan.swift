import Basics
import Settings

/// What a request means for the view that has its metric.
struct QueryPlan {
  struct Range: Equatable {
    var start: Int64?
    var end: Int64?
  }

  let request: QueryRequest
  /// The view's name.
  let view: String
  let rollup: RollupPlan
  let table: UInt16
  let measure: MeasurePlan
  /// Dimensions kept, as indices of the view's dimensions.
  let group: [Int]
  /// Parts that the cells have, as indices of the view's; the first counts rows, by which an empty cell is known.
  let parts: [Int]
  /// The stored grain that rows are put together from.
  let definition: GrainDefinition
  let rows: RowClock
  private let stored: BucketClock
  /// Buckets that end at or before this do not show.
  let expired: Int64
  /// The one asked for; then the one it is compared with.
  let ranges: [Range]

  /// A row shows whole or not at all: one of stored buckets of its own grain until it ends, one put together from a finer
  /// grain while the first of those is kept.
  func shows(_ row: Int64) -> Bool {
    if request.granularity.isCoarser(than: definition.grain) { return row >= expired }
    let end = definition.grain == .hour ? row + Timestamp.hour : stored.bucketEnd(row, grain: definition.grain)
    return end > expired
  }

  /// Parts as they are stored, with the dimensions kept.
  var schema: CellSchema { CellSchema(dimensions: group.count, parts: parts.map { rollup.schema.parts[$0] }) }
  /// With users counted.
  var countedSchema: CellSchema { schema.counted }
  /// Whether cells are wanted by partition, with their users: groups are put together that are only known when all is there.
  var keepsUsers: Bool { request.top != nil && schema != countedSchema }

  func value(_ cells: CellTable, _ cell: Int, _ members: Members) -> MeasureValue {
    measure.value(cells, cell, members) { parts.firstIndex(of: $0)! }
  }

  /// - Errors: `.invalid` naming what the request asks and the view does not have.
  init(_ request: QueryRequest, _ answers: Answers) throws(Failure) {
    let topology = answers.plan.topology
    self.request = request
    let (view, rollup, table, measure) = try answers.find(request)
    (self.view, self.rollup, self.table, self.measure) = (view, rollup, table, measure)
    group = try request.groupBy.map { (name) throws(Failure) in try QueryPlan.dimension(name, rollup, request) }
    parts = Array(Set([0, measure.first, measure.second ?? 0])).sorted()
    let zone = request.timezone ?? (request.granularity.isOfDays ? topology.timezone : "UTC")
    rows = try RowClock(request.granularity, timezone: zone)
    stored = try BucketClock(timezone: topology.timezone)
    definition = try QueryPlan.stored(rollup, request, view, topology.timezone)
    expired = answers.expiry(definition)
    var ranges = [Range(start: request.start, end: request.end)]
    if request.comparesPrevious {
      guard let start = request.start, let end = request.end else {
        throw .invalid("compare_to: a period has a start_time and an end_time")
      }
      ranges.append(try QueryPlan.before(start, end, request.granularity, rows))
    }
    if request.fillsWithZero, request.start == nil || request.end == nil {
      throw .invalid("fill: which buckets hold nothing is known between a start_time and an end_time")
    }
    if request.top != nil, group.isEmpty {
      throw .invalid("top: name with group_by what the top is of")
    }
    self.ranges = ranges
    for range in ranges { try checkIsKept(range, answers.newestStamp) }
  }

  private static func dimension(
    _ name: String, _ rollup: RollupPlan, _ request: QueryRequest
  ) throws(Failure) -> Int {
    if let index = rollup.definition.by.firstIndex(where: { $0.description == name }) { return index }
    let known = rollup.definition.by.map(\.description).joined(separator: ", ")
    throw .invalid("no dimension '\(name)' for metric '\(request.metric)'; there is \(known.isEmpty ? "none" : known)")
  }

  /// The coarsest stored grain whose buckets make up the rows asked for exactly.
  private static func stored(
    _ rollup: RollupPlan, _ request: QueryRequest, _ view: String, _ timezone: String
  ) throws(Failure) -> GrainDefinition {
    let sameZone = request.timezone == nil || request.timezone == timezone
    let fitting = rollup.definition.grains.filter { definition in
      guard definition.grain != .day || sameZone else { return false }
      return request.granularity.isCoarser(than: definition.grain) || request.granularity.isSame(as: definition.grain)
    }
    if let best = fitting.last { return best }
    let known = rollup.definition.grains.map(\.grain.name).joined(separator: ", ")
    if request.granularity.isOfDays {
      throw .invalid(
        "view '\(view)' keeps days of \(timezone) only (it keeps \(known)), so \(request.granularity.name)s of "
          + "\(request.timezone ?? "another zone") cannot be put together; leave out the time zone")
    }
    throw .invalid("view '\(view)' keeps no grain as fine as \(request.granularity.name); it keeps \(known)")
  }

  /// The period before: as many weeks, months or days; for hours and minutes of whole days, as many days, of whole months, as
  /// many months; else what is as long.
  private static func before(
    _ start: Int64, _ end: Int64, _ granularity: Granularity, _ rows: RowClock
  ) throws(Failure) -> Range {
    let days = rows.days
    if days.day(of: start) == start, days.day(of: end) == end {
      let (first, last) = (days.date(of: start), days.date(of: end))
      let isOfMonths = RowClock.month(of: first, later: 0) == first && RowClock.month(of: last, later: 0) == last
      if isOfMonths, granularity != .week {
        let (a, b) = (Timestamp.civil(dayNumber: first), Timestamp.civil(dayNumber: last))
        let months = (b.year - a.year) * 12 + b.month - a.month
        return Range(start: days.start(ofDate: RowClock.month(of: first, later: -months)), end: start)
      }
      if granularity <= .day { return Range(start: days.start(ofDate: first - (last - first)), end: start) }
    }
    guard granularity.isOfDays else { return Range(start: start - (end - start), end: start) }
    guard let count = rows.rows(from: start, to: end, limit: 100_000)?.count else {
      throw .invalid("compare_to: a period of more than 100,000 rows; narrow the range")
    }
    let until = rows.firstRow(atOrAfter: start)
    var from = until
    for _ in 0..<count { from = rows.row(of: from - 1) }
    return Range(start: from, end: until)
  }

  /// A row put together from a finer grain is only exact while that grain is kept.
  private func checkIsKept(_ range: Range, _ newestStamp: Int64?) throws(Failure) {
    guard request.granularity.isCoarser(than: definition.grain), let newestStamp,
      let retention = definition.retentionMilliseconds, let start = range.start, start < newestStamp - retention
    else { return }
    let earliest = Timestamp(milliseconds: rows.firstRow(atOrAfter: newestStamp - retention))
    let what = range == ranges[0] ? "these rows" : "compare_to: the rows of the period before"
    throw .invalid(
      "\(what) are put together from the \(definition.grain.name) grain, which is kept for "
        + "\(Durations.text(retention)): the earliest exact \(request.granularity.name) is \(earliest)")
  }
}

extension CellSchema {
  /// The same with users counted.
  var counted: CellSchema {
    CellSchema(
      dimensions: dimensions,
      parts: parts.map { part in
        switch part {
        case .set, .bag: .count
        case let part: part
        }
      })
  }
}
