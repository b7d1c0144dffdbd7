/// The members of every cell of a table, sorted, for as long as the table does not change.
struct Members {
  private let logs: [MemberLog?]
  /// By part: where each cell's entries start; one more than cells. Empty for counts and sums.
  private let starts: [[Int32]]

  init(_ table: CellTable) {
    logs = table.columns.map(\.members)
    starts = logs.map { log in
      guard let log else { return [] }
      log.compact()
      var starts = [Int32](repeating: 0, count: table.count + 2)
      for index in 0..<log.count { starts[Int(log.keys[index] >> 32) + 1] &+= 1 }
      for cell in 0..<table.count { starts[cell + 1] &+= starts[cell] }
      return starts
    }
  }

  /// The members of one part of one cell, ascending.
  @inline(__always) func of(part: Int, cell: Int) -> CellMembers {
    let log = logs[part]!
    let start = Int(starts[part][cell])
    return CellMembers(
      keys: log.keys + start, values: log.values.map { $0 + start }, count: Int(starts[part][cell + 1]) - start)
  }
}

/// Members of one cell, ascending, and their numbers: 1 in a set.
struct CellMembers {
  fileprivate let keys: UnsafePointer<UInt64>
  fileprivate let values: UnsafePointer<Int64>?
  let count: Int

  fileprivate init(keys: UnsafePointer<UInt64>, values: UnsafeMutablePointer<Int64>?, count: Int) {
    self.keys = keys
    self.values = UnsafePointer(values)
    self.count = count
  }

  @inline(__always) subscript(index: Int) -> (member: UInt32, value: Int64) {
    (UInt32(truncatingIfNeeded: keys[index]), values?[index] ?? 1)
  }
}
