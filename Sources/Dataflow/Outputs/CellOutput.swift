import Basics
import Stores

/// Cells as records: a key that names generation, view, grain, partition, bucket and dimensions, a value from which readers
/// can put partitions together.
///
/// Quarter hours are written as the hours of UTC they make up, as an export shows them.
struct CellOutput {
  struct Table {
    var view: String
    var schema: CellSchema
    var dimensions: [String]
    var grains: [GrainDefinition]
    var measures: [MeasurePlan]
    /// Of a funnel; 0 of a rollup.
    var steps: Int
  }

  let tables: [UInt16: Table]
  private let digest: String
  private let partition: Int
  private let snapshot: Snapshot
  private let clock: BucketClock
  private let newestStamp: Int64?

  init(plan: Plan, digest: String, partition: Int, snapshot: Snapshot) throws(Failure) {
    self.digest = digest
    self.partition = partition
    self.snapshot = snapshot
    clock = try BucketClock(timezone: plan.topology.timezone)
    newestStamp = try Frontier(snapshot).newestStamp
    var tables: [UInt16: Table] = [:]
    for (view, definition) in zip(plan.views, plan.topology.views) {
      switch view {
      case .rollup(let rollup, let table):
        tables[table] = Table(
          view: definition.name, schema: rollup.schema, dimensions: rollup.definition.by.map(\.description),
          grains: rollup.definition.grains, measures: rollup.measures, steps: 0)
      case .funnel(let funnel, let table):
        var described = Table(
          view: definition.name, schema: funnel.schema(dimensions: 0), dimensions: [], grains: funnel.grains,
          measures: [], steps: funnel.definition.steps.count)
        tables[table] = described
        guard let by = funnel.definition.by else { continue }
        described.schema = funnel.schema(dimensions: 1)
        described.dimensions = [by.description]
        tables[table + 1] = described
      }
    }
    self.tables = tables
  }

  /// Adds one row's cells that the outbox names, or, of a `whole` table, all; returns where to go on, nil at the end.
  func read(
    whole: UInt16?, from start: [UInt8]?, into records: inout [OutputRecord]
  ) throws(Failure) -> [UInt8]? {
    let range = whole.map(CellOutput.range) ?? KeyLayout.Outbox.cells.range
    // What precedes the table in a key.
    let prefix = whole == nil ? 2 : 1
    var first: (table: UInt16, grain: Grain, bucket: Int64)?
    try snapshot.scan(from: start ?? range.start, to: range.end) { key, _ throws(Failure) in
      first = try KeyLayout.cells(ofKey: key, after: prefix)
      return false
    }
    guard let (number, grain, bucket) = first else { return nil }
    guard let table = tables[number], let definition = table.grains.first(where: { $0.grain == grain }) else {
      throw .corrupt("outbox: no view has cells of table \(number), grain \(grain.name)")
    }
    let row = grain == .hour ? Timestamp.floor(bucket, to: Timestamp.hour) : bucket
    let end = grain == .hour ? row + Timestamp.hour : clock.bucketEnd(bucket, grain: grain)
    var goOn = ByteWriter()
    if whole == nil {
      KeyLayout.changedCells(table: number, grain: grain, bucket: end, into: &goOn)
    } else {
      KeyLayout.cells(table: number, grain: grain, bucket: end, into: &goOn)
    }
    // A row that has expired is left as it last was: readers know how long a view is kept.
    if end > CellWriter.expiry(definition, newestStamp) {
      try read(table, number, grain, row..<end, onlyNamed: whole == nil, into: &records)
    }
    return Array(goOn.bytes)
  }

  private static func range(of table: UInt16) -> (start: [UInt8], end: [UInt8]) {
    var start = ByteWriter()
    var end = ByteWriter()
    KeyLayout.cells(table: table, grain: .minute, bucket: .min, into: &start)
    KeyLayout.cells(table: table, grain: .day, bucket: .max, into: &end)
    return (Array(start.bytes), Array(end.bytes))
  }

  private func read(
    _ table: Table, _ number: UInt16, _ grain: Grain, _ row: Range<Int64>, onlyNamed: Bool,
    into records: inout [OutputRecord]
  ) throws(Failure) {
    let dictionary = TextDictionary()
    let cells = CellTable(schema: table.schema, dictionary: dictionary)
    var named: CellTable?
    if onlyNamed {
      let names = CellTable(schema: CellSchema(dimensions: table.schema.dimensions, parts: []), dictionary: dictionary)
      var from = ByteWriter()
      var to = ByteWriter()
      KeyLayout.changedCells(table: number, grain: grain, bucket: row.lowerBound, into: &from)
      KeyLayout.changedCells(table: number, grain: grain, bucket: row.upperBound, into: &to)
      try snapshot.scan(from: from.bytes, to: to.bytes) { _, value throws(Failure) in
        try CellBlock.decode(value, into: names) { _ in row.lowerBound }
        return true
      }
      named = names
    }
    var from = ByteWriter()
    var to = ByteWriter()
    KeyLayout.cells(table: number, grain: grain, bucket: row.lowerBound, into: &from)
    KeyLayout.cells(table: number, grain: grain, bucket: row.upperBound, into: &to)
    try snapshot.scan(from: from.bytes, to: to.bytes) { _, value throws(Failure) in
      try CellBlock.decode(value, into: cells) { codes in
        guard let named else { return row.lowerBound }
        return named.known(bucket: row.lowerBound, key: codes) == nil ? nil : row.lowerBound
      }
      return true
    }
    let members = Members(cells)
    let written = named ?? cells
    for name in 0..<written.count {
      let codes = written.codes + name * table.schema.dimensions
      let cell = named == nil ? name : cells.known(bucket: row.lowerBound, key: codes)
      let value = cell.flatMap { CellBlock.isEmpty(cells, $0, members) ? nil : self.value(table, cells, $0, members) }
      // Of what is read as a whole nothing was ever written.
      if value == nil, named == nil { continue }
      records.append(
        OutputRecord(
          target: .view(table.view), key: key(table, grain, row.lowerBound, codes, dictionary), value: value))
    }
  }

  private func key(
    _ table: Table, _ grain: Grain, _ bucket: Int64, _ codes: UnsafePointer<UInt32>, _ dictionary: TextDictionary
  ) -> [UInt8] {
    var json = JSONText()
    json.object { json in
      json.field("digest", digest)
      json.field("view", table.view)
      json.field("grain", grain.name)
      json.field("partition", partition)
      json.field("bucket", Timestamp(milliseconds: bucket).description)
      json.key("dimensions")
      json.object { json in
        for (index, name) in table.dimensions.enumerated() {
          json.field(name, codes[index] == 0 ? nil : dictionary.string(codes[index]))
        }
      }
    }
    return Array(json.text.utf8)
  }

  /// Nil when a rollup's cell counts no row any more.
  private func value(_ table: Table, _ cells: CellTable, _ cell: Int, _ members: Members) -> [UInt8]? {
    if table.steps == 0, cells.columns[0].counts![cell] == 0 { return nil }
    var json = JSONText()
    json.object { json in
      if table.steps > 0 {
        funnel(table.steps, cell, members, &json)
      } else {
        for measure in table.measures {
          json.key(measure.measure.name)
          measure.write(cells, cell, members, &json)
        }
      }
    }
    return Array(json.text.utf8)
  }

  private func funnel(_ steps: Int, _ cell: Int, _ members: Members, _ json: inout JSONText) {
    json.key("users")
    json.array { json in
      for step in 0..<steps { json.value(members.of(part: step, cell: cell).count) }
    }
    json.key("milliseconds")
    json.array { json in
      for step in 1..<steps { histogram(members.of(part: steps + step - 1, cell: cell), scale: 0, &json) }
    }
  }
}

extension MeasurePlan {
  /// What can be put together with the same cell of other partitions.
  fileprivate func write(_ table: CellTable, _ cell: Int, _ members: Members, _ json: inout JSONText) {
    let column = table.columns[first]
    switch measure.function {
    case .count: json.value(column.counts![cell])
    case .sum: json.raw(DecimalText.format(column.wides![cell], scale: scale))
    case .avg:
      json.object { json in
        json.field("sum", number: DecimalText.format(column.wides![cell], scale: scale))
        json.field("count", table.columns[second!].counts![cell])
      }
    case .min, .max:
      let value = column.wides![cell]
      if value == .max || value == .min { json.null() } else { json.raw(DecimalText.format(value, scale: scale)) }
    case .distinct:
      let users = members.of(part: first, cell: cell)
      json.value((0..<users.count).reduce(0) { users[$1].value > 0 ? $0 + 1 : $0 })
    case .quantile: histogram(members.of(part: first, cell: cell), scale: scale, &json)
    }
  }
}

/// `[[value, count]…]`, ascending.
private func histogram(_ entries: CellMembers, scale: Int, _ json: inout JSONText) {
  let counts = (0..<entries.count).map { (value: Histogram.value(entries[$0].member), count: entries[$0].value) }
  json.array { json in
    for entry in counts.filter({ $0.count > 0 }).sorted(by: { $0.value < $1.value }) {
      json.array { json in
        json.raw(DecimalText.format(entry.value, scale: scale))
        json.value(entry.count)
      }
    }
  }
}
