import Basics
import Stores

/// How many users came how far.
public struct FunnelAnswer: Equatable, Sendable {
  public struct Step: Equatable, Sendable {
    public var name: String
    /// Users who completed the step before; of the first step, users who did it.
    public var entered: Int64
    public var completed: Int64
    /// Median of the times from the step before, milliseconds, from a histogram within 0.8 %; nil for the first step and
    /// when nobody completed it.
    public var medianMilliseconds: Int64?

    public init(name: String, entered: Int64, completed: Int64, medianMilliseconds: Int64?) {
      self.name = name
      self.entered = entered
      self.completed = completed
      self.medianMilliseconds = medianMilliseconds
    }

    /// completed / entered with six digits; nil when nobody entered.
    public var conversionRate: String? {
      guard entered > 0 else { return nil }
      return DecimalText.format(DecimalText.divide(Int128(completed), by: Int128(entered), scale: 6), scale: 6)
    }

    /// The median in seconds, three digits.
    public var medianSeconds: String? { medianMilliseconds.map { DecimalText.format(Int128($0), scale: 3) } }
  }

  public var steps: [Step]
  /// By value of `by`, sorted bytewise; nil when not asked for. A user with entries of several values stands in each.
  public var breakdown: [(value: String, steps: [Step])]?

  public init(steps: [Step], breakdown: [(value: String, steps: [Step])]?) {
    self.steps = steps
    self.breakdown = breakdown
  }

  public static func == (a: FunnelAnswer, b: FunnelAnswer) -> Bool {
    a.steps == b.steps && a.breakdown?.map(\.value) == b.breakdown?.map(\.value)
      && a.breakdown?.map(\.steps) == b.breakdown?.map(\.steps)
  }
}

extension Answers {
  /// The best level of each user over entries in [start, end); later steps may lie after `end`. Nil bounds are open.
  ///
  /// - `parts`: of partitions that are not among the snapshots, as their instances made them by `funnelPart`.
  /// - Errors: `.invalid` for a view that is no funnel, a bound that is not a quarter hour, or `by` where none is declared.
  public func funnel(
    view name: String, start: Int64?, end: Int64?, by: Bool, parts: [[UInt8]] = []
  ) throws(Failure) -> FunnelAnswer {
    let (funnel, table) = try funnel(name, start, end, by: by)
    let total = try cells(funnel, table, start, end, dimensions: 0)
    let breakdown = by ? try cells(funnel, table + 1, start, end, dimensions: 1) : nil
    for part in parts {
      try part.span.withUnsafeBytes { (bytes) throws(Failure) in
        var reader = ByteReader(bytes, "cells of another instance")
        try CellColumns.decode(try reader.text(), into: total)
        if let breakdown { try CellColumns.decode(try reader.text(), into: breakdown) }
      }
    }
    return FunnelAnswer(
      steps: steps(funnel, total).first?.steps ?? nothing(funnel), breakdown: breakdown.map { steps(funnel, $0) })
  }

  /// What these partitions add to an answer that another instance puts together, which has the same plan.
  public func funnelPart(view name: String, start: Int64?, end: Int64?, by: Bool) throws(Failure) -> [UInt8] {
    let (funnel, table) = try funnel(name, start, end, by: by)
    var writer = ByteWriter(capacity: 4_096)
    for dimensions in 0...(by ? 1 : 0) {
      var columns = ByteWriter(capacity: 4_096)
      CellColumns.encode(
        try cells(funnel, table + UInt16(dimensions), start, end, dimensions: dimensions), into: &columns)
      writer.text(columns.bytes)
    }
    return Array(writer.bytes)
  }

  private func funnel(
    _ name: String, _ start: Int64?, _ end: Int64?, by: Bool
  ) throws(Failure) -> (FunnelPlan, UInt16) {
    guard case .funnel(let funnel, let table) = try view(name) else {
      throw .invalid("view '\(name)' is a rollup, not a funnel: ask for a metric of it with 'millrace query \(name)'")
    }
    for bound in [start, end] {
      if let bound, bound != Timestamp.floor(bound, to: BucketClock.quarter) {
        throw .invalid(
          "\(Timestamp(milliseconds: bound)) is not a quarter hour: entries are kept by 15 minutes, so a bound has to be one "
            + "of :00, :15, :30, :45")
      }
    }
    if by, funnel.by == nil {
      throw .invalid("funnel '\(name)' declares no 'by', so there is nothing to break it down by")
    }
    return (funnel, table)
  }

  private func nothing(_ funnel: FunnelPlan) -> [FunnelAnswer.Step] {
    funnel.definition.steps.map { FunnelAnswer.Step(name: $0.name, entered: 0, completed: 0, medianMilliseconds: nil) }
  }

  private func cells(
    _ funnel: FunnelPlan, _ table: UInt16, _ start: Int64?, _ end: Int64?, dimensions: Int
  ) throws(Failure) -> CellTable {
    let schema = funnel.schema(dimensions: dimensions)
    let expired = expiry(
      GrainDefinition(grain: .hour, retentionMilliseconds: funnel.definition.retentionMilliseconds))
    let scan = CellScan(
      table: table, grain: .hour, start: start ?? .min, end: end ?? .max, group: Array(0..<dimensions),
      parts: Array(schema.parts.indices), schema: schema,
      row: { $0 + BucketClock.quarter > expired ? 0 : nil })
    return try scan.run(snapshots, TextDictionary())
  }

  private func steps(_ funnel: FunnelPlan, _ cells: CellTable) -> [(value: String, steps: [FunnelAnswer.Step])] {
    let members = Members(cells)
    let stepCount = funnel.definition.steps.count
    return cells.sortedCells(members).map { cell in
      var steps: [FunnelAnswer.Step] = []
      var before = cells.columns[0].counts![cell]
      for step in 0..<stepCount {
        let completed = cells.columns[step].counts![cell]
        var median: Int64?
        if step > 0 {
          let part = stepCount + step - 1
          let entries = members.of(part: part, cell: cell)
          median = Histogram.quantile(
            (0..<entries.count).map { (entries[$0].member, entries[$0].value) }, millionths: 500_000
          ).map { Int64($0) }
        }
        steps.append(
          FunnelAnswer.Step(
            name: funnel.definition.steps[step].name, entered: before, completed: completed, medianMilliseconds: median)
        )
        before = completed
      }
      return (cells.schema.dimensions == 0 ? "" : cells.dictionary.string(cells.codes[cell]), steps)
    }
  }
}
