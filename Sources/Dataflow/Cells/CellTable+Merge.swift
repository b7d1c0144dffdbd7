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
}
