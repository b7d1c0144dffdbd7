import Basics

/// Some buckets of one side, in order.
struct ComparedWindow {
  static var empty: ComparedWindow { ComparedWindow() }

  private let side: ComparedTable?
  private let cells: CellTable?
  private let members: Members?
  private let order: [Int]

  private init() {
    side = nil
    cells = nil
    members = nil
    order = []
  }

  init(_ side: ComparedTable, _ cells: CellTable) {
    let members = Members(cells)
    self.side = side
    self.cells = cells
    self.members = members
    order = cells.sortedCells(members).filter { !side.countsRows || cells.columns[0].counts![$0] != 0 }
  }

  var count: Int { order.count }
  func bucket(_ index: Int) -> Int64 { cells!.buckets[order[index]] }

  /// Negative, zero or positive: by bucket, then by the dimensions' bytes.
  func compare(_ index: Int, _ other: ComparedWindow, _ otherIndex: Int) -> Int {
    let (a, b) = (bucket(index), other.bucket(otherIndex))
    if a != b { return a < b ? -1 : 1 }
    for dimension in side!.group.indices {
      let order = compareBytes(bytes(index, dimension), other.bytes(otherIndex, dimension))
      if order != 0 { return order }
    }
    return 0
  }

  private func bytes(_ index: Int, _ dimension: Int) -> UnsafeRawBufferPointer {
    let cells = cells!
    return cells.dictionary.bytes(cells.codes[order[index] * side!.group.count + dimension])
  }

  func row(_ index: Int) -> ComparedRow { ComparedRow(window: self, index: index) }

  fileprivate func values(_ index: Int) -> [(name: String, value: MeasureValue)] {
    side!.measures.map { ($0.name, $0.read(cells!, order[index], members!)) }
  }

  fileprivate func dimensions(_ index: Int) -> [ViewDifference.NamedDimension] {
    let cells = cells!
    return side!.dimensionNames.enumerated().map { position, name in
      let code = cells.codes[order[index] * side!.group.count + position]
      return ViewDifference.NamedDimension(name: name, value: cells.dictionary.string(code))
    }
  }
}

/// One row of one side.
struct ComparedRow {
  fileprivate let window: ComparedWindow
  fileprivate let index: Int

  /// What differs between two rows of one bucket and dimensions; nothing when they are equal.
  static func movers(
    _ grain: String, _ bucket: Int64, _ a: ComparedRow?, _ b: ComparedRow?
  ) -> [ViewDifference.Mover] {
    let left = a.map { $0.window.values($0.index) } ?? []
    let right = b.map { $0.window.values($0.index) } ?? []
    var found: [ViewDifference.Mover] = []
    for (position, name) in (a == nil ? right : left).map(\.name).enumerated() {
      let (one, other) = (a == nil ? nil : left[position].value, b == nil ? nil : right[position].value)
      if let one, let other, isSame(one, other) { continue }
      found.append(
        ViewDifference.Mover(grain: grain, bucket: bucket, dimensions: [], measure: name, a: one, b: other))
    }
    guard !found.isEmpty, let named = a ?? b else { return [] }
    let dimensions = named.window.dimensions(named.index)
    for index in found.indices { found[index].dimensions = dimensions }
    return found
  }

  /// As numbers: 1.50 is 1.5.
  private static func isSame(_ a: MeasureValue, _ b: MeasureValue) -> Bool {
    guard let left = a.units, let right = b.units else { return a.units == b.units }
    if a.scale == b.scale { return left == right }
    let scale = max(a.scale, b.scale)
    let (one, isTooLarge) = left.multipliedReportingOverflow(by: powerOfTen(scale - a.scale))
    let (other, otherIsTooLarge) = right.multipliedReportingOverflow(by: powerOfTen(scale - b.scale))
    return !isTooLarge && !otherIsTooLarge && one == other
  }
}
