import Basics
import Stores

/// Lets RocksDB put deltas of one key together: a commit only ever adds a small block, and whoever reads, or compacts,
/// sees the sum.
public struct CellMerging: Merging {
  public let name: StaticString = "millrace.cells.1"

  public init() {}

  public func merge(
    _ values: [UnsafeRawBufferPointer], wanted: WantedParts?, into writer: inout ByteWriter
  ) throws(Failure) {
    guard let first = values.first else { throw .corrupt("cells: nothing to merge") }
    let schema = try CellBlock.schema(of: first)
    for value in values where try CellBlock.schema(of: value) != schema {
      throw .corrupt("cells: two blocks of one key differ in shape")
    }
    // Sets are what is large, and no member ever leaves one: that a cell is not empty is known without putting them together.
    let indices = schema.parts.indices.filter { schema.parts[$0] != .set || wanted?.parts.contains($0) != false }
    let isWhole = indices.count == schema.parts.count
    let table = CellTable(
      schema: CellSchema(dimensions: schema.dimensions, parts: indices.map { schema.parts[$0] }),
      dictionary: TextDictionary())
    table.reserveMembers(values.reduce(0) { $0 + $1.count } / 2)
    var hasPassed: [Bool] = []
    for value in values {
      try CellBlock.decode(
        value, into: table, parts: indices,
        passed: { cell in
          while hasPassed.count <= cell { hasPassed.append(false) }
          hasPassed[cell] = true
        }
      ) { _ in 0 }
    }
    let members = Members(table)
    let cells = (0..<table.count).filter {
      $0 < hasPassed.count && hasPassed[$0] || !CellBlock.isEmpty(table, $0, members)
    }
    CellBlock.encode(
      table, cells: cells[...], members: members, indices: isWhole ? nil : indices, into: &writer)
  }
}

extension CellTable {
  /// Cells that are not empty, by bucket, then by their dimensions' texts: one order whatever came first.
  func sortedCells(_ members: Members) -> [Int] {
    var cells = (0..<count).filter { !CellBlock.isEmpty(self, $0, members) }
    cells.sort { precedes($0, $1) }
    return cells
  }

  private func precedes(_ a: Int, _ b: Int) -> Bool {
    if buckets[a] != buckets[b] { return buckets[a] < buckets[b] }
    for dimension in 0..<schema.dimensions {
      let left = codes[a * schema.dimensions + dimension]
      let right = codes[b * schema.dimensions + dimension]
      if left != right { return dictionary.precedes(left, right) }
    }
    return false
  }
}
