import Basics
import Stores

/// One exported cell.
public struct ExportRow: Equatable, Sendable {
  /// Milliseconds of the bucket's start.
  public var bucket: Int64
  /// In declared order; "" is missing.
  public var dimensions: [String]
  /// In declared order.
  public var measures: [MeasureValue]

  public init(bucket: Int64, dimensions: [String], measures: [MeasureValue]) {
    self.bucket = bucket
    self.dimensions = dimensions
    self.measures = measures
  }
}

extension Answers {
  /// Column names of an export: `bucket`, dimensions, measures.
  public func exportColumns(view: String) throws(Failure) -> [String] {
    let (rollup, _) = try rollup(view)
    return ["bucket"] + rollup.definition.by.map(\.description) + rollup.measures.map(\.measure.name)
  }

  /// Every cell of a grain, by bucket, then dimensions bytewise. Hour rows are merged from quarter hours. Memory holds a few
  /// buckets at a time, whatever the size.
  public func export(
    view: String, grain: Grain?, _ body: (ExportRow) throws(Failure) -> Void
  ) throws(Failure) {
    let (rollup, table) = try rollup(view)
    let definition = try exportGrain(rollup, grain, view)
    let clock = try BucketClock(timezone: plan.topology.timezone)
    let expired = expiry(definition)
    let step = definition.grain == .minute ? Timestamp.hour : Timestamp.day
    var from = Int64.min
    while let next = try firstBucket(table, definition.grain, atOrAfter: from) {
      // Windows begin at multiples of a step, so no hour is cut in two; days are taken one by one.
      let window =
        definition.grain == .day ? next + 1 : Timestamp.floor(next, to: step) + step
      let scan = CellScan(
        table: table, grain: definition.grain, start: next, end: window, group: Array(rollup.dimensions.indices),
        parts: Array(rollup.parts.indices), schema: rollup.schema,
        row: { bucket in
          let row = definition.grain == .hour ? Timestamp.floor(bucket, to: Timestamp.hour) : bucket
          let end = definition.grain == .hour ? row + Timestamp.hour : clock.bucketEnd(bucket, grain: definition.grain)
          return end > expired ? row : nil
        })
      let dictionary = TextDictionary()
      let cells = try scan.run(snapshots, dictionary)
      let members = Members(cells)
      for cell in cells.sortedCells(members) where cells.columns[0].counts![cell] != 0 {
        let dimensions = (0..<rollup.dimensions.count).map {
          dictionary.string(cells.codes[cell * rollup.dimensions.count + $0])
        }
        let measures = rollup.measures.map { $0.value(cells, cell, members) { $0 } }
        try body(ExportRow(bucket: cells.buckets[cell], dimensions: dimensions, measures: measures))
      }
      from = window
    }
  }

  private func exportGrain(_ rollup: RollupPlan, _ grain: Grain?, _ view: String) throws(Failure) -> GrainDefinition {
    guard let grain else { return rollup.definition.grains[0] }
    if let definition = rollup.definition.grains.first(where: { $0.grain == grain }) { return definition }
    let known = rollup.definition.grains.map(\.grain.name).joined(separator: ", ")
    throw .invalid("view '\(view)' keeps no \(grain.name) grain; it has \(known)")
  }

  func firstBucket(_ table: UInt16, _ grain: Grain, atOrAfter time: Int64) throws(Failure) -> Int64? {
    var first = ByteWriter()
    var last = ByteWriter()
    KeyLayout.cells(table: table, grain: grain, bucket: time, into: &first)
    KeyLayout.cells(table: table, grain: grain, bucket: .max, into: &last)
    var least: Int64?
    for snapshot in snapshots {
      try snapshot.scan(from: first.bytes, to: last.bytes) { key, _ throws(Failure) in
        let bucket = try KeyLayout.bucket(ofCellKey: key)
        least = min(least ?? bucket, bucket)
        return false
      }
    }
    return least
  }
}
