import Basics
import Stores

/// Tumbling buckets: adds each row to the cell of its bucket and dimensions.
///
/// - State: cells of `RollupPlan.schema`; what changed since the last commit in memory, all of it in the store.
final class RollupView {
  private let plan: RollupPlan
  private let clock: BucketClock
  private let writer: CellWriter
  private let dictionary: TextDictionary
  private let cells: CellTable

  private var capacity = 0
  private var cellOfRow: UnsafeMutablePointer<UInt32>
  private var filterValues: UnsafeMutablePointer<UInt8>

  init(_ plan: RollupPlan, table: UInt16, clock: BucketClock, dictionary: TextDictionary) {
    self.plan = plan
    self.clock = clock
    self.dictionary = dictionary
    writer = CellWriter(table: table, grains: plan.definition.grains, clock: clock)
    cells = CellTable(schema: plan.schema, dictionary: dictionary)
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

  func flush(newest: Int64?, into transaction: Transaction) {
    writer.flush(cells, newest: newest, into: transaction)
    cells.clear()
  }

  private func findCells(_ rows: Rows) {
    let dimensions = plan.dimensions.map { rows.texts[$0] }
    let grain = plan.finest
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: max(dimensions.count, 1)) { key in
      let key = key.baseAddress!
      for index in 0..<rows.selected {
        let row = Int(rows.selection[index])
        for dimension in 0..<dimensions.count { key[dimension] = dimensions[dimension][row] }
        cellOfRow[index] = cells.cell(bucket: clock.bucket(of: rows.time[row], grain: grain), key: key)
      }
    }
  }

  private func add(_ rows: Rows, _ part: RollupPlan.PartPlan, _ column: CellTable.Column) {
    let numbers = part.column.map { rows.numbers[$0] }
    let filter = part.filter.map { UnsafePointer(filterValues + $0 * capacity) }
    for index in 0..<rows.selected {
      if let filter, filter[index] != 1 { continue }
      let row = Int(rows.selection[index])
      let cell = Int(cellOfRow[index])
      let weight = Int64(rows.weight?[row] ?? 1)
      if let numbers {
        let value = numbers[row]
        if value == missingNumber { continue }
        switch part.part {
        case .count: column.counts![cell] &+= weight
        case .sum: column.wides![cell] &+= weight < 0 ? -value : value
        case .minimum: column.wides![cell] = min(column.wides![cell], value)
        case .maximum: column.wides![cell] = max(column.wides![cell], value)
        case .histogram: column.pairs!.add(cell: UInt32(cell), member: Histogram.bucket(value), weight)
        case .set, .bag: preconditionFailure("users are not a number column")
        }
      } else {
        switch part.part {
        case .count: column.counts![cell] &+= weight
        case .set: column.pairs!.insert(cell: UInt32(cell), member: rows.user[row])
        case .bag: column.pairs!.add(cell: UInt32(cell), member: rows.user[row], weight)
        case .sum, .minimum, .maximum, .histogram: preconditionFailure("\(part.part) needs a number column")
        }
      }
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
