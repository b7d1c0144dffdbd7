import Basics
import Stores

extension Answers {
  /// As below, of a range of entries alone.
  public func funnel(
    view name: String, start: Int64?, end: Int64?, by: Bool, parts: [[UInt8]] = []
  ) throws(Failure) -> FunnelAnswer {
    try funnel(FunnelRequest(view: name, start: start, end: end, by: by), parts: parts)
  }

  /// The best level of each user over the entries asked for.
  ///
  /// - `parts`: of partitions that are not among the snapshots, as their instances made them by `funnelPart`.
  /// - Errors: `.invalid` for a view that is no funnel, a bound that is not a quarter hour, or `by` where none is declared.
  public func funnel(_ request: FunnelRequest, parts: [[UInt8]] = []) throws(Failure) -> FunnelAnswer {
    let (funnel, table) = try planned(request)
    let tables = try tables(funnel, table, request, parts)
    var answer = FunnelAnswer(
      steps: steps(funnel, tables[0]).first?.steps ?? nothing(funnel), breakdown: nil)
    var next = 1
    if request.by {
      let values = steps(funnel, tables[next])
      answer.valueCount = values.count
      answer.breakdown = Answers.largest(request.limit, values.map { (value: $0.value, steps: $0.steps) })
      next += 1
    }
    if request.trend != nil {
      answer.trend = steps(funnel, tables[next]).map { FunnelAnswer.TrendRow(start: $0.row, steps: $0.steps) }
    }
    return answer
  }

  /// What these partitions, and those of `parts`, add to an answer that another instance puts together, which has the same plan.
  public func funnelPart(_ request: FunnelRequest, parts: [[UInt8]] = []) throws(Failure) -> [UInt8] {
    let (funnel, table) = try planned(request)
    var writer = ByteWriter(capacity: 4_096)
    for cells in try tables(funnel, table, request, parts) {
      var columns = ByteWriter(capacity: 4_096)
      CellColumns.encode(cells, into: &columns)
      writer.text(columns.bytes)
    }
    return Array(writer.bytes)
  }

  /// The funnel that is meant, and its first table.
  func planned(_ request: FunnelRequest) throws(Failure) -> (FunnelPlan, UInt16) {
    guard case .funnel(let funnel, let table) = try view(request.view) else {
      throw .invalid(
        "view '\(request.view)' is a rollup, not a funnel: ask for a metric of it with 'millrace query \(request.view)'"
      )
    }
    for bound in [request.start, request.end] {
      if let bound, bound != Timestamp.floor(bound, to: BucketClock.quarter) {
        throw .invalid(
          "\(Timestamp(milliseconds: bound)) is not a quarter hour: entries are kept by 15 minutes, so a bound has to be one "
            + "of :00, :15, :30, :45")
      }
    }
    if request.by, funnel.by == nil {
      throw .invalid("funnel '\(request.view)' declares no 'by', so there is nothing to break it down by")
    }
    return (funnel, table)
  }

  /// Entry buckets that end at or before this do not show.
  func expiry(of funnel: FunnelPlan) -> Int64 {
    expiry(GrainDefinition(grain: .hour, retentionMilliseconds: funnel.definition.retentionMilliseconds))
  }

  private func nothing(_ funnel: FunnelPlan) -> [FunnelAnswer.Step] {
    funnel.definition.steps.map { FunnelAnswer.Step(name: $0.name, entered: 0, completed: 0, medianMilliseconds: nil) }
  }

  /// The first of the values when there are too many: those with the most users.
  private static func largest(
    _ limit: Int?, _ values: [(value: String, steps: [FunnelAnswer.Step])]
  ) -> [(value: String, steps: [FunnelAnswer.Step])] {
    guard let limit else { return values }
    // They come bytewise, and that is the order of equals.
    let order = values.indices.sorted { a, b in
      let (one, other) = (values[a].steps[0].completed, values[b].steps[0].completed)
      return one == other ? a < b : one > other
    }
    return order.prefix(limit).map { values[$0] }
  }

  /// Of all entries; by value of `by`, if that is asked for; by day or week, if that is.
  private func tables(
    _ funnel: FunnelPlan, _ table: UInt16, _ request: FunnelRequest, _ parts: [[UInt8]]
  ) throws(Failure) -> [CellTable] {
    let expired = expiry(of: funnel)
    var scan = FunnelScan(
      self, funnel: funnel, table: table, dimensions: 0, start: request.start ?? .min, end: request.end ?? .max,
      row: { $0 + BucketClock.quarter > expired ? 0 : nil })
    var tables = [try scan.run(snapshots)]
    if request.by {
      scan.dimensions = 1
      tables.append(try scan.run(snapshots))
    }
    if let trend = request.trend {
      scan.dimensions = 0
      let clock = try TrendClock(trend, timezone: request.timezone)
      // A row shows whole or not at all.
      scan.row = { bucket in
        let row = clock.row(of: bucket)
        return row >= expired ? row : nil
      }
      tables.append(try scan.run(snapshots))
    }
    for part in parts {
      try part.span.withUnsafeBytes { (bytes) throws(Failure) in
        var reader = ByteReader(bytes, "cells of another instance")
        for cells in tables { try CellColumns.decode(try reader.text(), into: cells) }
      }
    }
    return tables
  }

  private func steps(
    _ funnel: FunnelPlan, _ cells: CellTable
  ) -> [(row: Int64, value: String, steps: [FunnelAnswer.Step])] {
    let members = Members(cells)
    let stepCount = funnel.definition.steps.count
    return cells.sortedCells(members).map { cell in
      var steps: [FunnelAnswer.Step] = []
      var before = cells.columns[0].counts![cell]
      for step in 0..<stepCount {
        let completed = cells.columns[step].counts![cell]
        var told = FunnelAnswer.Step(
          name: funnel.definition.steps[step].name, entered: before, completed: completed, medianMilliseconds: nil)
        if step > 0 {
          let entries = members.of(part: stepCount + step - 1, cell: cell)
          let counts = (0..<entries.count).map { (bucket: entries[$0].member, count: entries[$0].value) }
          told.medianMilliseconds = Histogram.quantile(counts, millionths: 500_000).map { Int64($0) }
          told.times = Histogram.bars(counts).map {
            FunnelAnswer.TimeBar(from: $0.from, to: $0.to, count: $0.count)
          }
        }
        steps.append(told)
        before = completed
      }
      let value = cells.schema.dimensions == 0 ? "" : cells.dictionary.string(cells.codes[cell])
      return (cells.buckets[cell], value, steps)
    }
  }
}
