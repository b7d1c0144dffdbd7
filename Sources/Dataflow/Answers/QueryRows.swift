import Basics

/// The rows of an answer, made of cells that are put together: with gaps filled, compared, and in order.
struct QueryRows {
  private let plan: QueryPlan
  private let limits: QueryLimits
  private let dictionary: TextDictionary
  /// Of the range asked for, and of the one it is compared with. Cells of a top have one dimension more, before the others.
  private let sides: [Side]
  /// Texts of codes, made once.
  private var texts: [UInt32: String] = [:]

  private struct Side {
    var cells: CellTable
    var members: Members
    /// That show and are not empty, by bucket, then dimensions bytewise.
    var order: [Int]
  }

  init(_ plan: QueryPlan, _ tables: [CellTable], _ dictionary: TextDictionary, _ limits: QueryLimits) throws(Failure) {
    self.plan = plan
    self.limits = limits
    self.dictionary = dictionary
    var sides: [Side] = []
    for cells in tables {
      try limits.checkRows(cells.count)
      let members = Members(cells)
      // What has expired by the newest stamp of all may still show in a part whose instance had not seen it.
      let order = cells.sortedCells(members).filter {
        cells.columns[0].counts![$0] != 0 && plan.shows(cells.buckets[$0])
      }
      sides.append(Side(cells: cells, members: members, order: order))
    }
    self.sides = sides
  }

  mutating func rows() throws(Failure) -> [QueryAnswer.Row] {
    let request = plan.request
    var rows = request.fillsWithZero ? try filled() : sides[0].order.map { row(sides[0], $0) }
    if request.comparesPrevious { try compare(&rows) }
    switch request.order {
    case .time: return rows
    case .value: return sorted(rows, QueryAnswer.isSmaller)
    case .valueDescending: return sorted(rows, QueryAnswer.isLarger)
    }
  }

  /// By value; equal ones stay in the order of time and dimensions.
  private func sorted(_ rows: [QueryAnswer.Row], _ precedes: (Int128?, Int128?) -> Bool) -> [QueryAnswer.Row] {
    rows.indices.sorted { a, b in
      let (left, right) = (rows[a].value.units, rows[b].value.units)
      if precedes(left, right) { return true }
      return !precedes(right, left) && a < b
    }.map { rows[$0] }
  }

  private var firstDimension: Int { plan.request.top == nil ? 0 : 1 }

  private mutating func row(_ side: Side, _ cell: Int) -> QueryAnswer.Row {
    row(
      side.cells.buckets[cell], UnsafePointer(side.cells.codes + cell * side.cells.schema.dimensions),
      plan.value(side.cells, cell, side.members))
  }

  private mutating func row(_ bucket: Int64, _ key: UnsafePointer<UInt32>, _ value: MeasureValue) -> QueryAnswer.Row {
    let isOther = firstDimension == 1 && key[0] != 0
    var dimensions: [String] = []
    if !isOther {
      dimensions.reserveCapacity(plan.group.count)
      for index in plan.group.indices { dimensions.append(text(key[firstDimension + index])) }
    }
    return QueryAnswer.Row(bucket: bucket, value: value, dimensions: dimensions, isOther: isOther)
  }

  private mutating func text(_ code: UInt32) -> String {
    if let known = texts[code] { return known }
    let text = dictionary.string(code)
    texts[code] = text
    return text
  }

  /// Rows that start in a range, shown or not.
  private func buckets(_ range: QueryPlan.Range, _ parameter: String) throws(Failure) -> [Int64] {
    if let rows = plan.rows.rows(from: range.start!, to: range.end!, limit: limits.rows) { return rows }
    throw .invalid(
      "\(parameter): the range holds more than \(limits.rows) buckets; narrow it or take a coarser granularity")
  }

  /// A row for each bucket that shows and each group that occurs.
  private mutating func filled() throws(Failure) -> [QueryAnswer.Row] {
    let buckets = try buckets(plan.ranges[0], "fill").filter { plan.shows($0) }
    let groups = groups()
    guard buckets.count * groups.count <= limits.rows else {
      throw .invalid(
        "fill: \(buckets.count) buckets of \(groups.count) groups are more than \(limits.rows) rows; narrow the range, take "
          + "a coarser granularity, or only the groups with the largest values by 'top'")
    }
    var rows: [QueryAnswer.Row] = []
    rows.reserveCapacity(buckets.count * groups.count)
    for bucket in buckets {
      for group in groups {
        let value = value(sides[0], bucket, group) ?? plan.measure.nothing
        rows.append(group.withUnsafeBufferPointer { row(bucket, $0.baseAddress!, value) })
      }
    }
    return rows
  }

  /// The keys that occur in either range, the rest last; without dimensions there is one whether it occurs or not.
  private func groups() -> [[UInt32]] {
    let dimensions = sides[0].cells.schema.dimensions
    // Never empty, so that it has an address.
    guard dimensions > 0 else { return [[0]] }
    var keys: Set<[UInt32]> = []
    for side in sides {
      for cell in side.order {
        keys.insert(Array(UnsafeBufferPointer(start: side.cells.codes + cell * dimensions, count: dimensions)))
      }
    }
    return keys.sorted { a, b in
      guard let index = a.indices.first(where: { a[$0] != b[$0] }) else { return false }
      return dictionary.precedes(a[index], b[index])
    }
  }

  private func value(_ side: Side, _ bucket: Int64, _ key: [UInt32]) -> MeasureValue? {
    guard
      let cell = key.withUnsafeBufferPointer({ side.cells.known(bucket: bucket, key: $0.baseAddress!) }),
      side.cells.columns[0].counts![cell] != 0, plan.shows(bucket)
    else { return nil }
    return plan.value(side.cells, cell, side.members)
  }

  /// Gives each row the value of the same group in the bucket that stands in the same place of the period before.
  private mutating func compare(_ rows: inout [QueryAnswer.Row]) throws(Failure) {
    let before = try buckets(plan.ranges[1], "compare_to")
    var places: [Int64: Int] = [:]
    for (index, bucket) in try buckets(plan.ranges[0], "compare_to").enumerated() { places[bucket] = index }
    let previous = sides[1]
    for index in rows.indices {
      rows[index].previous = MeasureValue(units: nil, scale: plan.measure.nothing.scale)
      guard let place = places[rows[index].bucket], place < before.count, plan.shows(before[place]) else { continue }
      if let value = value(previous, before[place], key(rows[index])) {
        rows[index].previous = value
      } else if plan.request.fillsWithZero {
        rows[index].previous = plan.measure.nothing
      }
    }
  }

  private func key(_ row: QueryAnswer.Row) -> [UInt32] {
    var key: [UInt32] = firstDimension == 1 ? [row.isOther ? dictionary.intern("other") : 0] : []
    if row.isOther {
      key += plan.group.map { _ in 0 }
    } else {
      key += row.dimensions.map { dictionary.intern($0) }
    }
    return key.isEmpty ? [0] : key
  }
}

extension QueryAnswer {
  /// Nothing is last in both orders.
  static func isLarger(_ a: Int128?, _ b: Int128?) -> Bool {
    guard let a, let b else { return a != nil && b == nil }
    return a > b
  }

  static func isSmaller(_ a: Int128?, _ b: Int128?) -> Bool {
    guard let a, let b else { return a != nil && b == nil }
    return a < b
  }
}

extension MeasurePlan {
  /// What no rows at all come to.
  var nothing: MeasureValue {
    switch measure.function {
    case .count, .distinct: MeasureValue(units: 0, scale: 0)
    case .sum: MeasureValue(units: 0, scale: scale)
    case .avg: MeasureValue(units: nil, scale: 6)
    case .min, .max: MeasureValue(units: nil, scale: scale)
    case .quantile: MeasureValue(units: nil, scale: scale == 0 ? 0 : 6)
    }
  }
}
