import Basics
import Stores

/// Lets RocksDB put deltas of one key together: a commit only ever adds a small block, and whoever reads, or compacts,
/// sees the sum.
public struct CellMerging: Merging {
  public let name: StaticString = "millrace.cells.1"

  public init() {}

  public func merge(_ values: [UnsafeRawBufferPointer], into writer: inout ByteWriter) throws(Failure) {
    guard let first = values.first else { throw .corrupt("cells: nothing to merge") }
    let table = CellTable(schema: try CellBlock.schema(of: first), dictionary: TextDictionary())
    for value in values {
      guard try CellBlock.schema(of: value) == table.schema else {
        throw .corrupt("cells: two blocks of one key differ in shape")
      }
      try CellBlock.decode(value, into: table) { _ in 0 }
    }
    let members = Members(table)
    let cells = (0..<table.count).filter { !CellBlock.isEmpty(table, $0, members) }
    CellBlock.encode(table, cells: cells[...], members: members, into: &writer)
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
