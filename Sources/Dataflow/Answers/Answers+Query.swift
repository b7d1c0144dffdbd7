import Basics
import Stores

extension Answers {
  /// - `parts`: of partitions that are not among the snapshots, as their instances made them by `queryPart`.
  /// - Errors: `.invalid` naming what the request asks and the view does not have, or what makes the answer too large.
  public func query(_ request: QueryRequest, parts others: [[UInt8]] = []) throws(Failure) -> QueryAnswer {
    let plan = try QueryPlan(request, self)
    var parts: [QueryPart] = []
    for other in others { parts.append(try QueryPart(other, rangeCount: plan.ranges.count)) }
    // One for all, so that the same groups have the same codes.
    let dictionary = TextDictionary()
    var results: [CellTable] = []
    if let top = request.top {
      results = try self.top(plan, count: top, parts, dictionary)
    } else {
      for (index, range) in plan.ranges.enumerated() {
        results.append(try together(plan, range, parts.flatMap { $0.ranges[index] }, dictionary))
      }
    }
    try limits.check()
    var rows = try QueryRows(plan, results, dictionary, limits)
    let compared = plan.ranges.count > 1 ? plan.ranges[1].start!..<plan.ranges[1].end! : nil
    return QueryAnswer(
      view: plan.view, metric: request.metric, groupBy: request.groupBy, rows: try rows.rows(), compared: compared,
      provisionalGap: plan.rollup.definition.of == .sessions ? self.plan.topology.gapMilliseconds : nil)
  }

  /// The cells of a range, users counted, of all partitions.
  ///
  /// - `others`: cells that other instances made.
  func together(
    _ plan: QueryPlan, _ range: QueryPlan.Range, _ others: [[UInt8]], _ dictionary: TextDictionary
  ) throws(Failure) -> CellTable {
    let cells = try stretches(plan, range, dictionary)
    for other in others { try decode(other, of: plan, range, into: cells) }
    return cells
  }

  /// What these partitions add to an answer that another instance puts together, which has the same plan.
  public func queryPart(_ request: QueryRequest) throws(Failure) -> [UInt8] {
    let plan = try QueryPlan(request, self)
    var ranges: [[[UInt8]]] = []
    for range in plan.ranges {
      var encoded: [[UInt8]] = []
      for table in try tables(plan, range, TextDictionary()) {
        var writer = ByteWriter(capacity: 4_096)
        CellColumns.encode(table, into: &writer)
        encoded.append(Array(writer.bytes))
      }
      ranges.append(encoded)
    }
    return QueryPart(ranges: ranges).encoded
  }

  /// The cells of a range: one table with users counted, or one of each partition with its users.
  private func tables(
    _ plan: QueryPlan, _ range: QueryPlan.Range, _ dictionary: TextDictionary
  ) throws(Failure) -> [CellTable] {
    guard plan.keepsUsers else { return [try stretches(plan, range, dictionary)] }
    var tables: [CellTable] = []
    var bytes = 0
    for snapshot in snapshots {
      let table = try stretches(plan, range, of: snapshot, dictionary)
      bytes += table.byteCount
      guard bytes <= limits.bytes else { throw limits.tooLarge() }
      tables.append(table)
    }
    return tables
  }

  /// Stored buckets of some time, all rows of it.
  func scan(
    _ plan: QueryPlan, _ start: Int64, _ end: Int64, _ dictionary: TextDictionary
  ) throws(Failure) -> CellScan {
    let accepts = try plan.request.filter.map { (filter) throws(Failure) in
      try DimensionFilter(filter, plan.rollup.definition.by, dictionary)
    }
    return CellScan(
      table: plan.table, grain: plan.definition.grain, start: start, end: end, group: plan.group, parts: plan.parts,
      schema: plan.rollup.schema, row: { plan.rows.row(of: $0) },
      accepts: accepts.map { filter in { filter.accepts($0) } },
      interruption: { () throws(Failure) in try limits.check() })
  }

  func find(_ request: QueryRequest) throws(Failure) -> (String, RollupPlan, UInt16, MeasurePlan) {
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
}
