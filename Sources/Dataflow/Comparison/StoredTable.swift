import Basics
import Stores

/// Cells of one table and grain as one partition stores them: nothing added up, nothing counted.
struct StoredTable {
  let view: String
  let table: UInt16
  let definition: GrainDefinition
  let grainName: String
  let schema: CellSchema
  let dimensionNames: [String]
  /// Measures with the part each is read from; users of a distinct count are counted.
  let measures: [(name: String, value: (CellTable, Int, Members) -> MeasureValue)]
  /// Parts that hold users, by measure.
  let userParts: [(name: String, part: Int)]

  static func all(of view: Plan.ViewPlan, named name: String) -> [StoredTable] {
    switch view {
    case .rollup(let plan, let table):
      return plan.definition.grains.map { definition in
        StoredTable(
          view: name, table: table, definition: definition,
          grainName: definition.grain == .hour ? FunnelMeasures.grain : definition.grain.name, schema: plan.schema,
          dimensionNames: plan.definition.by.map(\.description),
          measures: plan.measures.map { measure in (measure.measure.name, reader(measure)) },
          userParts: plan.measures.filter { $0.measure.function == .distinct }.map { ($0.measure.name, $0.first) })
      }
    case .funnel(let plan, let table):
      let definition = GrainDefinition(grain: .hour, retentionMilliseconds: plan.definition.retentionMilliseconds)
      let by = [[]] + (plan.definition.by.map { [[$0.description]] } ?? [])
      return by.enumerated().map { offset, dimensions in
        let known = FunnelMeasures(plan.definition)
        let steps = plan.definition.steps.count
        return StoredTable(
          view: name, table: table + UInt16(offset), definition: definition, grainName: FunnelMeasures.grain,
          schema: plan.schema(dimensions: dimensions.count), dimensionNames: dimensions,
          measures: known.names.enumerated().map { index, name in
            index < steps ? (name, users(part: index)) : (name, known.reader(name))
          }, userParts: (0..<steps).map { (known.names[$0], $0) })
      }
    }
  }

  private static func reader(_ measure: MeasurePlan) -> (CellTable, Int, Members) -> MeasureValue {
    if measure.measure.function == .distinct { return users(part: measure.first) }
    return { cells, cell, members in measure.value(cells, cell, members) { $0 } }
  }

  private static func users(part: Int) -> (CellTable, Int, Members) -> MeasureValue {
    { _, cell, members in
      let of = members.of(part: part, cell: cell)
      let count = (0..<of.count).reduce(0) { $0 + (of[$1].value > 0 ? 1 : 0) }
      return MeasureValue(units: Int128(count), scale: 0)
    }
  }

  /// The first stored bucket from a time on.
  func firstBucket(_ snapshot: Snapshot, _ time: Int64) throws(Failure) -> Int64? {
    var first = ByteWriter()
    var last = ByteWriter()
    KeyLayout.cells(table: table, grain: definition.grain, bucket: time, into: &first)
    KeyLayout.cells(table: table, grain: definition.grain, bucket: .max, into: &last)
    var found: Int64?
    try snapshot.scan(from: first.bytes, to: last.bytes) { key, _ throws(Failure) in
      found = try KeyLayout.bucket(ofCellKey: key)
      return false
    }
    return found
  }

  /// The cells of some buckets; nil when they take more than the limit and may be taken in parts.
  func read(
    _ snapshot: Snapshot, _ window: BucketWindow, _ slice: ComparedTable.Slice, byteLimit: Int,
    _ shows: (Int64) -> Bool
  ) throws(Failure) -> StoredCells? {
    let dictionary = TextDictionary()
    let cells = CellTable(schema: schema, dictionary: dictionary)
    var first = ByteWriter()
    var last = ByteWriter()
    KeyLayout.cells(table: table, grain: definition.grain, bucket: window.start, into: &first)
    KeyLayout.cells(table: table, grain: definition.grain, bucket: window.end, into: &last)
    let isSmallest = window.halves == nil && (schema.dimensions == 0 || slice.count >= 4_096)
    var fits = true
    try snapshot.scan(from: first.bytes, to: last.bytes) { key, value throws(Failure) in
      let bucket = try KeyLayout.bucket(ofCellKey: key)
      guard shows(bucket) else { return true }
      try CellBlock.decode(value, into: cells) { codes in
        slice.holds(dictionary, schema.dimensions) { codes[$0] } ? bucket : nil
      }
      fits = isSmallest || cells.byteCount <= byteLimit
      return fits
    }
    return fits ? StoredCells(self, cells) : nil
  }
}

/// Cells of one partition, by bucket and dimensions.
struct StoredCells {
  private let table: StoredTable
  private let cells: CellTable
  private let members: Members
  private let order: [Int]

  init(_ table: StoredTable, _ cells: CellTable) {
    self.table = table
    self.cells = cells
    members = Members(cells)
    order = cells.sortedCells(members)
  }

  var count: Int { order.count }

  func bucket(_ index: Int) -> Int64 { cells.buckets[order[index]] }

  func compare(_ index: Int, _ other: StoredCells, _ otherIndex: Int) -> Int {
    let (a, b) = (bucket(index), other.bucket(otherIndex))
    if a != b { return a < b ? -1 : 1 }
    for dimension in 0..<cells.schema.dimensions {
      let order = compareBytes(bytes(index, dimension), other.bytes(otherIndex, dimension))
      if order != 0 { return order }
    }
    return 0
  }

  private func bytes(_ index: Int, _ dimension: Int) -> UnsafeRawBufferPointer {
    cells.dictionary.bytes(cells.codes[order[index] * cells.schema.dimensions + dimension])
  }

  /// The cell alone as it would be stored: equal bytes, equal cells, members included.
  func encode(_ index: Int, into writer: inout ByteWriter) {
    writer.clear()
    CellBlock.encode(cells, cells: order[index...index], members: members, into: &writer)
  }

  func dimensions(_ index: Int) -> [ViewDifference.NamedDimension] {
    table.dimensionNames.enumerated().map { position, name in
      let code = cells.codes[order[index] * cells.schema.dimensions + position]
      return ViewDifference.NamedDimension(name: name, value: cells.dictionary.string(code))
    }
  }

  func values(_ index: Int) -> [(name: String, value: MeasureValue)] {
    table.measures.map { ($0.name, $0.value(cells, order[index], members)) }
  }

  /// Users of a part, or buckets of a histogram, with their numbers.
  func members(_ index: Int, _ part: Int) -> [UInt32: Int64] {
    let of = members.of(part: part, cell: order[index])
    var all: [UInt32: Int64] = [:]
    for entry in 0..<of.count { all[of[entry].member] = of[entry].value }
    return all
  }

  /// Whether two cells are equal where the same user has two numbers.
  func isSame(
    _ index: Int, _ other: StoredCells, _ otherIndex: Int, _ users: (served: StoredUsers, rebuilt: StoredUsers)
  ) -> Bool {
    let (at, to) = (order[index], other.order[otherIndex])
    for (part, column) in cells.columns.enumerated() {
      let theirs = other.cells.columns[part]
      switch column.part {
      case .count: if column.counts![at] != theirs.counts![to] { return false }
      case .sum, .minimum, .maximum: if column.wides![at] != theirs.wides![to] { return false }
      case .histogram: if members(index, part) != other.members(otherIndex, part) { return false }
      case .set, .bag:
        if users.served.named(members(index, part)) != users.rebuilt.named(other.members(otherIndex, part)) {
          return false
        }
      }
    }
    return true
  }
}
