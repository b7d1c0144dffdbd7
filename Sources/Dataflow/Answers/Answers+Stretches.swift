import Basics
import Stores

/// Questions of a dashboard are asked again and again while only the newest buckets change. So a range is put together from
/// stretches of whole rows, days of the rows' zone or a week or month each, and a stretch of which nothing has changed is taken
/// from memory. Users are counted by then: whatever a user may be counted once in is within one stretch.
extension Answers {
  /// The cells of a range, of all partitions together with users counted, or of one partition with its users.
  func stretches(
    _ plan: QueryPlan, _ range: QueryPlan.Range, of partition: Snapshot? = nil, _ dictionary: TextDictionary
  ) throws(Failure) -> CellTable {
    let result = CellTable(
      schema: partition == nil ? plan.countedSchema : plan.schema, dictionary: dictionary)
    try eachStretch(plan, range, of: partition, dictionary) { cells throws(Failure) in
      try decode(cells, of: plan, range, into: result)
      guard result.byteCount <= limits.bytes else { throw limits.tooLarge() }
    }
    return result
  }

  /// Adds what shows of a range to a table.
  func decode(
    _ cells: [UInt8], of plan: QueryPlan, _ range: QueryPlan.Range, into table: CellTable
  ) throws(Failure) {
    let (start, end) = (range.start ?? .min, range.end ?? .max)
    try cells.span.withUnsafeBytes { (bytes) throws(Failure) in
      try CellColumns.decode(bytes, into: table) { row in row >= start && row < end && plan.shows(row) }
    }
  }

  /// Calls `body` with the columns of each stretch of a range that holds anything. No row is in two of them; there may be rows
  /// that are not in the range.
  func eachStretch(
    _ plan: QueryPlan, _ range: QueryPlan.Range, of partition: Snapshot?, _ dictionary: TextDictionary,
    _ body: (_ cells: [UInt8]) throws(Failure) -> Void
  ) throws(Failure) {
    var first = range.start
    if first == nil { first = try firstBucket(plan.table, plan.definition.grain, atOrAfter: earliest(plan)) }
    guard let first else { return }
    let shape = shape(of: plan, partition)
    var stretch = plan.stretch(holding: first)
    // Rows before the range are not wanted, and rows that begin in it are all in stretches that do.
    while stretch.start < range.end ?? .max {
      let cells = try cells(plan, stretch, of: partition, shape, dictionary)
      var next = stretch.end
      if cells[0] == 0 {
        // Where there is nothing there may be nothing for years.
        guard let bucket = try firstBucket(plan.table, plan.definition.grain, atOrAfter: next) else { return }
        next = bucket
      } else {
        try body(cells)
      }
      stretch = plan.stretch(holding: next)
    }
  }

  /// From where on stored buckets may show.
  private func earliest(_ plan: QueryPlan) -> Int64 {
    plan.expired == .min ? .min : plan.expired - Timestamp.day - Timestamp.hour
  }

  /// All rows of a stretch, shown or not, as columns.
  private func cells(
    _ plan: QueryPlan, _ stretch: (start: Int64, end: Int64), of partition: Snapshot?, _ shape: String,
    _ dictionary: TextDictionary
  ) throws(Failure) -> [UInt8] {
    let name = "\(shape)\u{0}\(stretch.start)"
    let versions = versions(plan, stretch, of: partition.map { [$0] } ?? snapshots)
    if let versions, let known = cache?.find(name, versions: versions) { return known }
    let scan = try scan(plan, stretch.start, stretch.end, dictionary)
    let found =
      if let partition {
        try scan.run(partition, dictionary, byteLimit: limits.bytes)
      } else {
        try scan.run(snapshots, dictionary, byteLimit: limits.bytes)
      }
    guard let cells = found else { throw limits.tooLarge() }
    var writer = ByteWriter(capacity: 1_024)
    CellColumns.encode(cells, into: &writer)
    let bytes = Array(writer.bytes)
    if let versions { cache?.keep(name, versions: versions, bytes) }
    return bytes
  }

  /// What the cells depend on beside the time; names of stores are among the versions.
  private func shape(of plan: QueryPlan, _ partition: Snapshot?) -> String {
    let request = plan.request
    let zone = request.timezone ?? (request.granularity.isOfDays ? self.plan.topology.timezone : "UTC")
    return [
      "\(plan.table) \(plan.definition.grain.rawValue) \(request.granularity.rawValue) \(plan.group) \(plan.parts)",
      zone,
      request.filter.map { "\($0)" } ?? "",
      partition.map { "of \($0.marks.store)" } ?? snapshots.map { "\($0.marks.store)" }.joined(separator: " "),
    ].joined(separator: "\u{0}")
  }

  /// Nil while something of it is being written.
  private func versions(
    _ plan: QueryPlan, _ stretch: (start: Int64, end: Int64), of snapshots: [Snapshot]
  ) -> [UInt64]? {
    var versions: [UInt64] = []
    for snapshot in snapshots {
      var day = Timestamp.floor(stretch.start, to: Timestamp.day)
      while day < stretch.end {
        let mark = KeyLayout.mark(table: plan.table, grain: plan.definition.grain, bucket: day)
        guard let version = snapshot.marks.version(of: mark) else { return nil }
        versions.append(version)
        day += Timestamp.day
      }
    }
    return versions
  }
}

extension QueryPlan {
  /// Whole rows that hold a moment: those of a day, or a longer one.
  func stretch(holding time: Int64) -> (start: Int64, end: Int64) {
    guard request.granularity > .day else { return (rows.days.day(of: time), rows.days.dayEnd(of: time)) }
    let row = rows.row(of: time)
    return (row, rows.row(after: row))
  }
}
