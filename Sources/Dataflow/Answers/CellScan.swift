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

  /// Asked at every block: why there is to be no answer.
  var interruption: () throws(Failure) -> Void = { () throws(Failure) in }

  /// What the rows hold: as `schema`, with users counted.
  var merged: CellSchema { own.counted }
  /// As the partitions hold it.
  private var own: CellSchema { CellSchema(dimensions: group.count, parts: parts.map { schema.parts[$0] }) }

  /// Adds every partition's cells.
  func run(_ snapshots: [Snapshot], _ dictionary: TextDictionary) throws(Failure) -> CellTable {
    guard let cells = try run(snapshots, dictionary, byteLimit: .max) else { preconditionFailure("there is no limit") }
    return cells
  }

  /// As `run`; nil as soon as the cells take more memory than the limit.
  func run(_ snapshots: [Snapshot], _ dictionary: TextDictionary, byteLimit: Int) throws(Failure) -> CellTable? {
    let result = CellTable(schema: merged, dictionary: dictionary)
    let cells = CellTable(schema: own, dictionary: dictionary)
    for snapshot in snapshots {
      cells.clear()
      guard try scan(snapshot, into: cells, byteLimit: byteLimit == .max ? .max : byteLimit - result.byteCount) else {
        return nil
      }
      result.addCounting(cells)
    }
    return result
  }

  /// The cells of one partition, with its users; nil as soon as they take more memory than the limit.
  func run(_ snapshot: Snapshot, _ dictionary: TextDictionary, byteLimit: Int) throws(Failure) -> CellTable? {
    let cells = CellTable(schema: own, dictionary: dictionary)
    return try scan(snapshot, into: cells, byteLimit: byteLimit) ? cells : nil
  }

  private func scan(_ snapshot: Snapshot, into cells: CellTable, byteLimit: Int) throws(Failure) -> Bool {
    var first = ByteWriter()
    var last = ByteWriter()
    KeyLayout.cells(table: table, grain: grain, bucket: start, into: &first)
    KeyLayout.cells(table: table, grain: grain, bucket: end, into: &last)
    var kept = [UInt32](repeating: 0, count: max(group.count, 1))
    var fits = true
    try snapshot.scan(from: first.bytes, to: last.bytes, wanted: WantedParts(parts)) { key, value throws(Failure) in
      try interruption()
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
}
