import Basics
import Settings
import Stores

extension Answers {
  /// - `parts`: of partitions that are not among the snapshots, as their instances made them by `queryPart`.
  /// - Errors: `.invalid` naming what the request asks and the view does not have.
  public func query(_ request: QueryRequest, parts others: [[UInt8]] = []) throws(Failure) -> QueryAnswer {
    let gathered = try gather(request)
    let cells = gathered.cells
    for part in others {
      try part.span.withUnsafeBytes { (bytes) throws(Failure) in try CellColumns.decode(bytes, into: cells) }
    }
    let members = Members(cells)
    // What has expired by the newest stamp of all may still show in a part whose instance had not seen it.
    let order = cells.sortedCells(members).filter {
      cells.columns[0].counts![$0] != 0 && gathered.shows(cells.buckets[$0])
    }
    let page = order.dropFirst(request.offset).prefix(request.limit)
    let rows = page.map { cell in
      QueryAnswer.Row(
        bucket: cells.buckets[cell],
        value: gathered.measure.value(cells, cell, members) { gathered.parts.firstIndex(of: $0)! },
        dimensions: (0..<cells.schema.dimensions).map {
          cells.dictionary.string(cells.codes[cell * cells.schema.dimensions + $0])
        })
    }
    let next = request.offset + rows.count
    return QueryAnswer(
      view: gathered.view, groupBy: request.groupBy, rows: rows, nextOffset: next < order.count ? next : nil,
      provisionalGap: gathered.rollup.definition.of == .sessions ? plan.topology.gapMilliseconds : nil)
  }

  /// What these partitions add to an answer that another instance puts together, which has the same plan.
  public func queryPart(_ request: QueryRequest) throws(Failure) -> [UInt8] {
    var writer = ByteWriter(capacity: 4_096)
    CellColumns.encode(try gather(request).cells, into: &writer)
    return Array(writer.bytes)
  }

  /// The rows of an answer before they are put in order.
  private struct Gathered {
    var view: String
    var rollup: RollupPlan
    var measure: MeasurePlan
    /// The view's parts that the cells have.
    var parts: [Int]
    var cells: CellTable
    /// Whether a row has not expired.
    var shows: (Int64) -> Bool
  }

  private func gather(_ request: QueryRequest) throws(Failure) -> Gathered {
    let (name, rollup, table, measure) = try find(request)
    let group = try request.groupBy.map { (name) throws(Failure) in try dimension(name, rollup, request) }
    let rowClock = try BucketClock(timezone: request.timezone ?? defaultZone(request.granularity))
    let definition = try stored(rollup, request, name)
    let storedClock = try BucketClock(timezone: plan.topology.timezone)
    let expired = expiry(definition)
    let dictionary = TextDictionary()
    let accepts = try request.filter.map { (filter) throws(Failure) in
      try DimensionFilter(filter, rollup.definition.by, dictionary)
    }
    // The first part counts rows, by which an empty cell is known.
    let parts = Array(Set([0, measure.first, measure.second ?? 0])).sorted()
    // A row shows whole or not at all: one of stored buckets of its own grain until it ends, one put together from a finer
    // grain while the first of those is kept.
    let shows: (Int64) -> Bool = { row in
      if definition.grain < request.granularity { return row >= expired }
      let end = definition.grain == .hour ? row + Timestamp.hour : storedClock.bucketEnd(row, grain: definition.grain)
      return end > expired
    }
    let scan = CellScan(
      table: table, grain: definition.grain,
      // A row that starts in the range may hold stored buckets that start later; none that start earlier.
      start: request.start ?? .min,
      end: request.end.map { rowClock.rowEnd(ofLastBefore: $0, request.granularity) } ?? .max,
      group: group, parts: parts, schema: rollup.schema,
      row: { bucket in
        let row = rowClock.row(of: bucket, request.granularity)
        guard shows(row) else { return nil }
        if let start = request.start, row < start { return nil }
        if let end = request.end, row >= end { return nil }
        return row
      },
      accepts: accepts.map { filter in { filter.accepts($0) } })
    return Gathered(
      view: name, rollup: rollup, measure: measure, parts: parts, cells: try scan.run(snapshots, dictionary),
      shows: shows)
  }

  private func defaultZone(_ granularity: Grain) -> String { granularity == .day ? plan.topology.timezone : "UTC" }

  private func find(_ request: QueryRequest) throws(Failure) -> (String, RollupPlan, UInt16, MeasurePlan) {
    if let name = request.view {
      let (plan, table) = try rollup(name)
      if let measure = plan.measures.first(where: { $0.measure.name == request.metric }) {
        return (name, plan, table, measure)
      }
      let known = plan.measures.map(\.measure.name).joined(separator: ", ")
      throw .invalid("view '\(name)' has no metric '\(request.metric)'; it has \(known)")
    }
    var found: [(String, RollupPlan, UInt16, MeasurePlan)] = []
    for (index, view) in plan.views.enumerated() {
      guard case .rollup(let rollup, let table) = view else { continue }
      if let measure = rollup.measures.first(where: { $0.measure.name == request.metric }) {
        found.append((plan.topology.views[index].name, rollup, table, measure))
      }
    }
    if found.isEmpty { throw .invalid("no view of topology \(plan.topology.name) has a metric '\(request.metric)'") }
    if found.count > 1 {
      throw .invalid(
        "several views have a metric '\(request.metric)': \(found.map(\.0).joined(separator: ", ")); name one")
    }
    return found[0]
  }

  private func dimension(_ name: String, _ rollup: RollupPlan, _ request: QueryRequest) throws(Failure) -> Int {
    if let index = rollup.definition.by.firstIndex(where: { $0.description == name }) { return index }
    let known = rollup.definition.by.map(\.description).joined(separator: ", ")
    throw .invalid("no dimension '\(name)' for metric '\(request.metric)'; there is \(known.isEmpty ? "none" : known)")
  }

  /// The coarsest stored grain whose buckets make up the rows asked for exactly.
  private func stored(_ rollup: RollupPlan, _ request: QueryRequest, _ view: String) throws(Failure) -> GrainDefinition
  {
    let sameZone = request.timezone == nil || request.timezone == plan.topology.timezone
    let fitting = rollup.definition.grains.filter { definition in
      definition.grain < request.granularity
        || (definition.grain == request.granularity)
          && (definition.grain != .day || sameZone)
    }
    if let best = fitting.last {
      try checkRange(best, request)
      return best
    }
    let known = rollup.definition.grains.map(\.grain.name).joined(separator: ", ")
    if request.granularity == .day {
      throw .invalid(
        "view '\(view)' keeps days of \(plan.topology.timezone) only (it keeps \(known)), so days of "
          + "\(request.timezone ?? "another zone") cannot be put together; leave out the time zone")
    }
    throw .invalid("view '\(view)' keeps no grain as fine as \(request.granularity.name); it keeps \(known)")
  }

  /// A row put together from a finer grain is only exact while that grain is kept.
  private func checkRange(_ definition: GrainDefinition, _ request: QueryRequest) throws(Failure) {
    guard definition.grain < request.granularity, let newestStamp, let retention = definition.retentionMilliseconds,
      let start = request.start, start < newestStamp - retention
    else { return }
    let clock = try BucketClock(timezone: request.timezone ?? defaultZone(request.granularity))
    let earliest = clock.firstRow(atOrAfter: newestStamp - retention, request.granularity)
    throw .invalid(
      "these rows are put together from the \(definition.grain.name) grain, which is kept for "
        + "\(Durations.text(retention)): the earliest exact \(request.granularity.name) is "
        + "\(Timestamp(milliseconds: earliest))")
  }
}

extension BucketClock {
  /// The start of the row that holds a stored bucket.
  func row(of time: Int64, _ granularity: Grain) -> Int64 {
    switch granularity {
    case .minute: Timestamp.floor(time, to: Timestamp.minute)
    case .hour: hour(of: time)
    case .day: day(of: time)
    }
  }

  /// Where stored buckets of rows that start before `end` stop.
  func rowEnd(ofLastBefore end: Int64, _ granularity: Grain) -> Int64 {
    switch granularity {
    case .minute, .hour: end + Timestamp.hour
    case .day: dayEnd(of: end)
    }
  }

  func firstRow(atOrAfter time: Int64, _ granularity: Grain) -> Int64 {
    let row = row(of: time, granularity)
    if row >= time { return row }
    switch granularity {
    case .minute: return row + Timestamp.minute
    case .hour: return row + Timestamp.hour
    case .day: return dayEnd(of: time)
    }
  }
}
