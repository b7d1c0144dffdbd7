import Basics
import Stores

/// One pass over a funnel's stored cells: how many users came how far, by row and value of `by`.
///
/// The users of a level are bits by their numbers, one row at a time, since buckets come in order. Only where there are so
/// many values that the bits would take too much memory are members sorted instead (`CellScan`).
struct FunnelScan {
  var funnel: FunnelPlan
  /// Of the totals; the one behind it is by value.
  var table: UInt16
  /// 0: all entries; 1: by value of `by`.
  var dimensions: Int
  /// Entry buckets from here...
  var start: Int64
  /// ...to here, exclusive.
  var end: Int64
  /// The row a bucket belongs to; nil for none. Rows ascend as buckets do.
  var row: (Int64) -> Int64?
  /// Bytes of bits at the most.
  var byteLimit = 64 << 20

  private var steps: Int { funnel.definition.steps.count }

  init(
    funnel: FunnelPlan, table: UInt16, dimensions: Int, start: Int64, end: Int64, row: @escaping (Int64) -> Int64?
  ) {
    self.funnel = funnel
    self.table = table
    self.dimensions = dimensions
    self.start = start
    self.end = end
    self.row = row
  }

  /// Every partition's, with users counted: counts of users at level 1...K, then the histograms.
  func run(_ snapshots: [Snapshot]) throws(Failure) -> CellTable {
    let sorted = CellScan(
      table: table + UInt16(dimensions), grain: .hour, start: start, end: end, group: Array(0..<dimensions),
      parts: Array(funnel.schema(dimensions: dimensions).parts.indices), schema: funnel.schema(dimensions: dimensions),
      row: row)
    let dictionary = TextDictionary()
    let result = CellTable(schema: sorted.merged, dictionary: dictionary)
    for snapshot in snapshots {
      let cells = CellTable(schema: sorted.merged, dictionary: dictionary)
      let fits = try count(snapshot, into: cells)
      result.add(fits ? cells : try sorted.run([snapshot], dictionary)) { $0 }
    }
    return result
  }

  /// The users at level 1...K over all buckets, as sets of one partition's numbers.
  func users(_ snapshot: Snapshot) throws(Failure) -> UserSets {
    let sets = UserSets(users: try Frontier(snapshot).users)
    for _ in 0..<steps { sets.add() }
    let dictionary = TextDictionary()
    try scan(snapshot) { _, block throws(Failure) in
      try CellBlock.walk(block, dictionary, place: { _ in 0 }) { part, _, user, _ in
        if part < steps { sets.insert(user, into: part) }
      }
      return true
    }
    try check(sets)
    return sets
  }

  /// False when the bits take more memory than they may; what was counted until then is of no use.
  private func count(_ snapshot: Snapshot, into cells: CellTable) throws(Failure) -> Bool {
    let sets = UserSets(users: try Frontier(snapshot).users)
    // Where the sets of a value begin, by its code; and the cells of the row that is being counted, in the order of their sets.
    var first: [Int] = []
    var open: [(cell: Int, code: UInt32)] = []
    var current: Int64?
    func finish() {
      for (index, cell) in open.enumerated() {
        for step in 0..<steps {
          cells.columns[step].counts![cell.cell] += sets.size(of: index * steps + step)
          sets.removeAll(from: index * steps + step)
        }
        first[Int(cell.code)] = -1
      }
      open.removeAll(keepingCapacity: true)
    }
    try scan(snapshot) { row, block throws(Failure) in
      if row != current { finish() }
      current = row
      try CellBlock.walk(block, cells.dictionary) { codes in
        var code = dimensions == 0 ? 0 : codes[0]
        while first.count <= Int(code) { first.append(-1) }
        if first[Int(code)] < 0 {
          first[Int(code)] = open.count
          open.append((Int(cells.cell(bucket: row, key: &code)), code))
          while sets.count < open.count * steps { sets.add() }
        }
        return first[Int(code)]
      } member: { part, place, member, value in
        if part < steps {
          sets.insert(member, into: place * steps + part)
        } else {
          cells.columns[part].members!.add(cell: UInt32(open[place].cell), member: member, value)
        }
      }
      return sets.byteCount <= byteLimit
    }
    guard sets.byteCount <= byteLimit else { return false }
    finish()
    try check(sets)
    return true
  }

  /// Calls `body` for each block in a row, in the order of buckets, until it returns false.
  private func scan(
    _ snapshot: Snapshot, _ body: (_ row: Int64, _ block: UnsafeRawBufferPointer) throws(Failure) -> Bool
  ) throws(Failure) {
    var from = ByteWriter()
    var to = ByteWriter()
    KeyLayout.cells(table: table + UInt16(dimensions), grain: .hour, bucket: start, into: &from)
    KeyLayout.cells(table: table + UInt16(dimensions), grain: .hour, bucket: end, into: &to)
    try snapshot.scan(from: from.bytes, to: to.bytes) { key, value throws(Failure) in
      guard let row = row(try KeyLayout.bucket(ofCellKey: key)) else { return true }
      return try body(row, value)
    }
  }

  private func check(_ sets: UserSets) throws(Failure) {
    guard !sets.hasUnknown else { throw .corrupt("a funnel's cell has a user whose number was never given") }
  }
}
