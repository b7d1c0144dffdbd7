import Basics
import Stores

/// One pass over stored cells of a table and grain: which buckets, which rows they become, which parts are wanted.
struct CellScan {
  var table: UInt16
  var grain: Grain
  /// Stored buckets from here...
  var start: Int64
  /// ...to here, exclusive.
  var end: Int64
  /// Dimensions kept, as indices of the view's dimensions.
  var group: [Int]
  /// Parts wanted, as indices of the view's parts, ascending.
  var parts: [Int]
  var schema: CellSchema
  /// The row a stored bucket belongs to; nil for none.
  var row: (Int64) -> Int64?
  /// Whether a cell's dimension codes pass the filter.
  var accepts: ((UnsafePointer<UInt32>) -> Bool)?

  /// What the rows hold: as `schema`, with users counted.
  var merged: CellSchema {
    CellSchema(
      dimensions: group.count,
      parts: parts.map { part in
        switch schema.parts[part] {
        case .set, .bag: .count
        case let part: part
        }
      })
  }

  /// Adds every partition's cells.
  func run(_ snapshots: [Snapshot], _ dictionary: TextDictionary) throws(Failure) -> CellTable {
    guard let cells = try run(snapshots, dictionary, byteLimit: .max) else { preconditionFailure("there is no limit") }
    return cells
  }

  /// As `run`; nil as soon as the cells take more memory than the limit.
  func run(_ snapshots: [Snapshot], _ dictionary: TextDictionary, byteLimit: Int) throws(Failure) -> CellTable? {
    let result = CellTable(schema: merged, dictionary: dictionary)
    let cells = CellTable(
      schema: CellSchema(dimensions: group.count, parts: parts.map { schema.parts[$0] }), dictionary: dictionary)
    for snapshot in snapshots {
      cells.clear()
      guard try scan(snapshot, into: cells, byteLimit: byteLimit == .max ? .max : byteLimit - result.byteCount) else {
        return nil
      }
      add(cells, to: result)
    }
    return result
  }

  private func scan(_ snapshot: Snapshot, into cells: CellTable, byteLimit: Int) throws(Failure) -> Bool {
    var first = ByteWriter()
    var last = ByteWriter()
    KeyLayout.cells(table: table, grain: grain, bucket: start, into: &first)
    KeyLayout.cells(table: table, grain: grain, bucket: end, into: &last)
    var kept = [UInt32](repeating: 0, count: max(group.count, 1))
    var fits = true
    try snapshot.scan(from: first.bytes, to: last.bytes) { key, value throws(Failure) in
      let bucket = try KeyLayout.bucket(ofCellKey: key)
      guard let row = row(bucket) else { return true }
      try CellBlock.decode(value, into: cells, parts: parts) { codes in
        if let accepts, !accepts(codes) { return nil }
        for (index, dimension) in group.enumerated() { kept[index] = codes[dimension] }
        for index in group.indices { codes[index] = kept[index] }
        return row
      }
      fits = cells.byteCount <= byteLimit
      return fits
    }
    return fits
  }

  private func add(_ cells: CellTable, to result: CellTable) {
    let members = Members(cells)
    for cell in 0..<cells.count {
      let at = Int(result.cell(bucket: cells.buckets[cell], key: cells.codes + cell * group.count))
      for (index, column) in cells.columns.enumerated() {
        let to = result.columns[index]
        switch column.part {
        case .count: to.counts![at] += column.counts![cell]
        case .sum: to.wides![at] += column.wides![cell]
        case .minimum: to.wides![at] = min(to.wides![at], column.wides![cell])
        case .maximum: to.wides![at] = max(to.wides![at], column.wides![cell])
        case .set, .bag:
          let of = members.of(part: index, cell: cell)
          for entry in 0..<of.count where of[entry].value > 0 { to.counts![at] += 1 }
        case .histogram:
          let of = members.of(part: index, cell: cell)
          for entry in 0..<of.count {
            to.members!.add(cell: UInt32(at), member: of[entry].member, of[entry].value)
          }
        }
      }
    }
  }
}
