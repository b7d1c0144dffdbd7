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
  /// What days come to, kept from answer to answer; nil: nothing is.
  var spans: FunnelSpans?
  /// Who asks for spans: a day is not worth keeping because one answer wants it twice.
  private let answer: UInt64
  /// Of the topology; milliseconds.
  var horizon: Int64
  /// Bytes of bits at the most.
  var byteLimit = 64 << 20

  private var steps: Int { funnel.definition.steps.count }

  init(
    _ answers: Answers, funnel: FunnelPlan, table: UInt16, dimensions: Int, start: Int64, end: Int64,
    row: @escaping (Int64) -> Int64?
  ) {
    spans = answers.spans
    answer = spans?.begin() ?? 0
    horizon = answers.plan.topology.source.horizonMilliseconds
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
    let histograms = cells.columns.map(\.members)
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
          histograms[part]!.add(cell: UInt32(open[place].cell), member: member, value)
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
    let frontier = try Frontier(snapshot)
    guard let spans, let newest = frontier.newestTime, let first = try firstBucket(snapshot, from: start) else {
      return try scan(snapshot, start, end, body)
    }
    let closed = closed(frontier)
    // What is before the first whole span, the spans, and what is behind the last one.
    var next = Timestamp.floor(first, to: spans.unit)
    if next < start { next += spans.unit }
    let plainEnd = min(next, end)
    if start < plainEnd { guard try scanned(snapshot, start, plainEnd, body) else { return } }
    next = plainEnd
    let last = min(end, Timestamp.floor(newest, to: spans.unit) + spans.unit)
    while next < last {
      guard let (block, units) = try span(snapshot, spans, at: next, before: end, closed: closed) else {
        // Of several rows, partly expired, or still changing.
        let stop = min(next + spans.unit, last)
        guard try scanned(snapshot, next, stop, body) else { return }
        next = stop
        continue
      }
      if !block.isEmpty {
        let goesOn = try block.span.withUnsafeBytes { (bytes) throws(Failure) in try body(row(next)!, bytes) }
        guard goesOn else { return }
      }
      next += units * spans.unit
      if block.isEmpty {
        // There may be nothing for years.
        guard let first = try firstBucket(snapshot, from: next) else { return }
        next = max(next, min(Timestamp.floor(first, to: spans.unit), last))
      }
    }
    try scan(snapshot, next, end, body)
  }

  /// Every bucket that ends at or before this time stands as it will for ever.
  private func closed(_ frontier: Frontier) -> Int64 {
    guard let newest = frontier.newestStamp else { return .min }
    return Timestamp.floor(newest - horizon - funnel.definition.withinMilliseconds, to: BucketClock.quarter)
  }

  private func firstBucket(_ snapshot: Snapshot, from time: Int64) throws(Failure) -> Int64? {
    var first: Int64?
    try stored(snapshot, time, end) { bucket, _ throws(Failure) in
      first = bucket
      return false
    }
    return first
  }

  /// The longest span that begins there, all of one row: closed, or a day that has not changed since it was asked for.
  private func span(
    _ snapshot: Snapshot, _ spans: FunnelSpans, at time: Int64, before end: Int64, closed: Int64
  ) throws(Failure) -> (block: [UInt8], units: Int64)? {
    var units = FunnelSpans.largest * FunnelSpans.factor
    while units > 1 {
      units /= FunnelSpans.factor
      let length = units * spans.unit
      guard Timestamp.floor(time, to: length) == time, time + length <= end, units == 1 || time + length <= closed,
        let row = row(time), self.row(time + length - BucketClock.quarter) == row
      else { continue }
      let key = FunnelSpans.Key(
        store: snapshot.storeNumber, table: table + UInt16(dimensions), start: time, units: units)
      var version: UInt64? = FunnelSpans.closed
      if time + length > closed {
        version = snapshot.marks.version(of: KeyLayout.mark(table: key.table, grain: .hour, bucket: time))
      }
      // Nil while the day is being written.
      guard let version else { continue }
      if let known = spans.block(key, version: version) { return (known, units) }
      if version != FunnelSpans.closed, !spans.isAskedAgain(key, version: version, by: answer) { continue }
      guard let block = try units == 1 ? added(snapshot, time, time + length) : added(spans, key) else { continue }
      spans.keep(block, as: key, version: version)
      return (block, units)
    }
    return nil
  }

  private var schema: CellSchema { funnel.schema(dimensions: dimensions) }

  /// All stored buckets of a stretch as one block; empty when there are none.
  private func added(_ snapshot: Snapshot, _ start: Int64, _ end: Int64) throws(Failure) -> [UInt8]? {
    let cells = CellTable(schema: schema, dictionary: TextDictionary())
    try stored(snapshot, start, end) { _, block throws(Failure) in
      try CellBlock.decode(block, into: cells) { _ in 0 }
      return true
    }
    return FunnelScan.block(cells)
  }

  /// The spans that a larger one is made of as one block; nil unless all of them are known.
  private func added(_ spans: FunnelSpans, _ key: FunnelSpans.Key) throws(Failure) -> [UInt8]? {
    var parts: [[UInt8]] = []
    let units = key.units / FunnelSpans.factor
    for index in 0..<FunnelSpans.factor {
      let part = FunnelSpans.Key(
        store: key.store, table: key.table, start: key.start + index * units * spans.unit, units: units)
      guard let block = spans.block(part, version: FunnelSpans.closed) else { return nil }
      parts.append(block)
    }
    let cells = CellTable(schema: schema, dictionary: TextDictionary())
    for part in parts where !part.isEmpty {
      try part.span.withUnsafeBytes { (bytes) throws(Failure) in
        try CellBlock.decode(bytes, into: cells) { _ in 0 }
      }
    }
    return FunnelScan.block(cells)
  }

  private static func block(_ cells: CellTable) -> [UInt8] {
    guard cells.count > 0 else { return [] }
    var writer = ByteWriter(capacity: 4_096)
    CellBlock.encode(cells, cells: Array(0..<cells.count)[...], members: Members(cells), into: &writer)
    return Array(writer.bytes)
  }

  private func scan(
    _ snapshot: Snapshot, _ start: Int64, _ end: Int64,
    _ body: (_ row: Int64, _ block: UnsafeRawBufferPointer) throws(Failure) -> Bool
  ) throws(Failure) {
    _ = try scanned(snapshot, start, end, body)
  }

  /// Block by block as they are stored; false when `body` wanted no more.
  private func scanned(
    _ snapshot: Snapshot, _ start: Int64, _ end: Int64,
    _ body: (_ row: Int64, _ block: UnsafeRawBufferPointer) throws(Failure) -> Bool
  ) throws(Failure) -> Bool {
    var goesOn = true
    try stored(snapshot, start, end) { bucket, block throws(Failure) in
      guard let row = row(bucket) else { return true }
      goesOn = try body(row, block)
      return goesOn
    }
    return goesOn
  }

  private func stored(
    _ snapshot: Snapshot, _ start: Int64, _ end: Int64,
    _ body: (_ bucket: Int64, _ block: UnsafeRawBufferPointer) throws(Failure) -> Bool
  ) throws(Failure) {
    var from = ByteWriter()
    var to = ByteWriter()
    KeyLayout.cells(table: table + UInt16(dimensions), grain: .hour, bucket: start, into: &from)
    KeyLayout.cells(table: table + UInt16(dimensions), grain: .hour, bucket: end, into: &to)
    try snapshot.scan(from: from.bytes, to: to.bytes) { key, value throws(Failure) in
      try body(try KeyLayout.bucket(ofCellKey: key), value)
    }
  }

  private func check(_ sets: UserSets) throws(Failure) {
    guard !sets.hasUnknown else { throw .corrupt("a funnel's cell has a user whose number was never given") }
  }
}
