import Basics
import Stores

/// Tumbling buckets: adds each row to the cell of its bucket and dimensions.
///
/// - State: cells of `RollupPlan.schema`; what changed since the last commit in memory, all of it in the store.
final class RollupView {
  private let plan: RollupPlan
  private let isOutput: Bool
  private let clock: BucketClock
  private let writer: CellWriter
  private let dictionary: TextDictionary
  private let cells: CellTable

  private var capacity = 0
  private var cellOfRow: UnsafeMutablePointer<UInt32>
  private var filterValues: UnsafeMutablePointer<UInt8>

  init(
    _ plan: RollupPlan, table: UInt16, isOutput: Bool, clock: BucketClock, dictionary: TextDictionary, sorter: RadixSort
  ) {
    self.plan = plan
    self.isOutput = isOutput
    self.clock = clock
    self.dictionary = dictionary
    writer = CellWriter(table: table, grains: plan.definition.grains, clock: clock, sorter: sorter)
    cells = CellTable(schema: plan.schema, dictionary: dictionary, sorter: sorter)
    cellOfRow = .allocate(capacity: 1)
    filterValues = .allocate(capacity: 1)
  }

  deinit {
    cellOfRow.deallocate()
    filterValues.deallocate()
  }

  var subject: RollupDefinition.Subject { plan.definition.of }
  var byteCount: Int { cells.byteCount + capacity * (4 + plan.filters.count) }
  var usedByteCount: Int { cells.usedByteCount }

  func apply(_ rows: Rows) {
    guard rows.selected > 0 else { return }
    reserve(rows.selected)
    findCells(rows)
    for (index, filter) in plan.filters.enumerated() {
      filter.evaluate(rows, dictionary, into: filterValues + index * capacity)
    }
    for (part, column) in zip(plan.parts, cells.columns) { add(rows, part, column) }
  }

  func flush(newest: Int64?, lists: Bool, into transaction: Transaction) {
    writer.flush(cells, newest: newest, lists: lists && isOutput, into: transaction)
    cells.clear()
  }

  /// The cell of every selected row: first all hashes, so that the table's lines are fetched side by side.
  private func findCells(_ rows: Rows) {
    let dimensions = plan.dimensions.map { rows.texts[$0] }
    let grain = plan.finest
    cells.find(
      count: rows.selected, into: cellOfRow,
      bucket: { clock.bucket(of: rows.time[Int(rows.selection[$0])], grain: grain) },
      code: { dimensions[$1][Int(rows.selection[$0])] })
  }

  private func add(_ rows: Rows, _ part: RollupPlan.PartPlan, _ column: CellTable.Column) {
    let filter = part.filter.map { UnsafePointer(filterValues + $0 * capacity) }
    let numbers = part.column.map { UnsafePointer(rows.numbers[$0]) }
    switch (part.part, numbers) {
    case (.count, nil): each(rows, filter) { _, cell, weight in column.counts![cell] &+= weight }
    case (.count, let numbers?):
      each(rows, filter) { row, cell, weight in
        if numbers[row] != missingNumber { column.counts![cell] &+= weight }
      }
    case (.sum, let numbers?):
      let sums = column.wides!
      each(rows, filter) { row, cell, weight in
        let value = numbers[row]
        if value != missingNumber { sums[cell] &+= weight < 0 ? -value : value }
      }
    case (.minimum, let numbers?):
      let least = column.wides!
      each(rows, filter) { row, cell, _ in
        if numbers[row] != missingNumber { least[cell] = min(least[cell], numbers[row]) }
      }
    case (.maximum, let numbers?):
      let most = column.wides!
      each(rows, filter) { row, cell, _ in
        if numbers[row] != missingNumber { most[cell] = max(most[cell], numbers[row]) }
      }
    case (.histogram, let numbers?):
      let buckets = column.members!
      each(rows, filter) { row, cell, weight in
        let value = numbers[row]
        if value != missingNumber { buckets.add(cell: UInt32(cell), member: Histogram.bucket(value), weight) }
      }
    case (.set, nil):
      let users = column.members!
      each(rows, filter) { row, cell, _ in users.insert(cell: UInt32(truncatingIfNeeded: cell), member: rows.user[row])
      }
    case (.bag, nil):
      let users = column.members!
      each(rows, filter) { row, cell, weight in
        users.add(cell: UInt32(truncatingIfNeeded: cell), member: rows.user[row], weight)
      }
    default: preconditionFailure("\(part.part) of \(numbers == nil ? "rows" : "numbers")")
    }
  }

  /// Visits what passes the filter. Inlined into each caller, so that what to do is decided once per batch.
  @inline(__always) private func each(
    _ rows: Rows, _ filter: UnsafePointer<UInt8>?, _ body: (_ row: Int, _ cell: Int, _ weight: Int64) -> Void
  ) {
    for index in 0..<rows.selected {
      if let filter, filter[index] != 1 { continue }
      let row = Int(rows.selection[index])
      body(row, Int(cellOfRow[index]), Int64(rows.weight?[row] ?? 1))
    }
  }

  private func reserve(_ rows: Int) {
    guard rows > capacity else { return }
    capacity = max(rows, capacity * 2, 1_024)
    cellOfRow.deallocate()
    filterValues.deallocate()
    cellOfRow = .allocate(capacity: capacity)
    filterValues = .allocate(capacity: max(capacity * plan.filters.count, 1))
  }
}
