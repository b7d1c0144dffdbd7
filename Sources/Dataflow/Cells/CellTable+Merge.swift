import Basics

extension CellTable {
  /// Adds every cell of another table of the same schema and dictionary, under another bucket: how a coarser grain is made of
  /// a finer one. Cells whose bucket maps to nil are left out.
  func add(_ other: CellTable, bucket: (Int64) -> Int64?) {
    precondition(other.schema == schema && other.dictionary === dictionary, "cells of different shape")
    let none = UInt32.max
    var target = [UInt32](repeating: none, count: other.count)
    for cell in 0..<other.count {
      if let bucket = bucket(other.buckets[cell]) {
        target[cell] = self.cell(bucket: bucket, key: other.codes + cell * schema.dimensions)
      }
    }
    add(other, to: target)
  }

  /// Adds every cell of another table of the same parts and dictionary under the bucket and the key that `place` says and
  /// writes; those that it says nil of are left out.
  func add(_ other: CellTable, place: (_ cell: Int, _ key: UnsafeMutablePointer<UInt32>) -> Int64?) {
    precondition(other.schema.parts == schema.parts && other.dictionary === dictionary, "cells of different shape")
    var target = [UInt32](repeating: .max, count: other.count)
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: max(schema.dimensions, 1)) { key in
      let key = key.baseAddress!
      for cell in 0..<other.count {
        if let bucket = place(cell, key) { target[cell] = self.cell(bucket: bucket, key: key) }
      }
    }
    add(other, to: target)
  }

  private func add(_ other: CellTable, to target: [UInt32]) {
    let none = UInt32.max
    for index in columns.indices {
      let from = other.columns[index]
      let to = columns[index]
      switch to.part {
      case .count:
        for cell in 0..<other.count where target[cell] != none { to.counts![Int(target[cell])] += from.counts![cell] }
      case .sum:
        for cell in 0..<other.count where target[cell] != none { to.wides![Int(target[cell])] += from.wides![cell] }
      case .minimum:
        for cell in 0..<other.count where target[cell] != none {
          let at = Int(target[cell])
          to.wides![at] = min(to.wides![at], from.wides![cell])
        }
      case .maximum:
        for cell in 0..<other.count where target[cell] != none {
          let at = Int(target[cell])
          to.wides![at] = max(to.wides![at], from.wides![cell])
        }
      case .set, .bag, .histogram:
        let members = from.members!
        for index in 0..<members.count {
          let cell = target[Int(members.keys[index] >> 32)]
          guard cell != none else { continue }
          let member = UInt32(truncatingIfNeeded: members.keys[index])
          if let values = members.values {
            to.members!.add(cell: cell, member: member, values[index])
          } else {
            to.members!.insert(cell: cell, member: member)
          }
        }
      }
    }
  }

  /// Adds every cell of another table of the same dictionary, of which this one counts the users. Users of one partition only,
  /// for whoever is in two tables is counted twice.
  func addCounting(_ cells: CellTable) {
    precondition(cells.schema.counted == schema && cells.dictionary === dictionary, "cells of different shape")
    let members = Members(cells)
    for cell in 0..<cells.count {
      let at = Int(self.cell(bucket: cells.buckets[cell], key: cells.codes + cell * schema.dimensions))
      for (index, column) in cells.columns.enumerated() {
        let to = columns[index]
        switch column.part {
        case .count: to.counts![at] += column.counts![cell]
        case .sum: to.wides![at] += column.wides![cell]
        case .minimum: to.wides![at] = min(to.wides![at], column.wides![cell])
        case .maximum: to.wides![at] = max(to.wides![at], column.wides![cell])
        case .set, .bag:
          let of = members.of(part: index, cell: cell)
          for entry in 0..<of.count where of[entry].value > 0 { to.counts![at] += 1 }
        case .histogram:
          let of = members.of(part: index, cell: cell)
          for entry in 0..<of.count {
            to.members!.add(cell: UInt32(at), member: of[entry].member, of[entry].value)
          }
        }
      }
    }
  }
}
