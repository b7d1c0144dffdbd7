import Basics

/// The groups of an answer with the largest values over all of it; the rest is one group.
///
/// Groups are ranked by what they come to over the whole range: a user who came twice is one, an average is that of all values.
/// Equal values are ranked bytewise by dimensions.
struct Leaders {
  private let plan: QueryPlan
  /// A cell per group.
  private let totals: CellTable
  private let leading: Set<Int>
  /// What the first dimension of the folded cells is for the rest: not missing, so the rest sorts last.
  private let otherCode: UInt32

  /// - `tables`: of each partition, with its users.
  init(_ plan: QueryPlan, _ tables: [CellTable], _ dictionary: TextDictionary, count: Int) {
    self.plan = plan
    let totals = CellTable(schema: plan.countedSchema, dictionary: dictionary)
    for table in tables {
      let united = CellTable(schema: plan.schema, dictionary: dictionary)
      united.add(table) { _ in 0 }
      totals.addCounting(united)
    }
    let members = Members(totals)
    var ranked = totals.sortedCells(members).filter { totals.columns[0].counts![$0] != 0 }
      .enumerated().map { (cell: $1, place: $0, units: plan.value(totals, $1, members).units) }
    // Equal ones stay in the order of their dimensions.
    ranked.sort { a, b in
      if QueryAnswer.isLarger(a.units, b.units) { return true }
      return !QueryAnswer.isLarger(b.units, a.units) && a.place < b.place
    }
    self.totals = totals
    leading = Set(ranked.prefix(count).map(\.cell))
    otherCode = dictionary.intern("other")
  }

  /// Cells of rows, users counted, with one dimension before the others: whether it is the rest.
  func fold(_ tables: [CellTable], _ dictionary: TextDictionary) -> CellTable {
    var schema = plan.schema
    schema.dimensions += 1
    let dimensions = plan.group.count
    let result = CellTable(schema: schema.counted, dictionary: dictionary)
    for table in tables {
      let folded = CellTable(schema: schema, dictionary: dictionary)
      folded.add(table) { cell, key in
        let own = table.codes + cell * dimensions
        let isLeading = totals.known(bucket: 0, key: own).map(leading.contains) ?? false
        guard isLeading || plan.request.hasOther else { return nil }
        key[0] = isLeading ? 0 : otherCode
        for dimension in 0..<dimensions { key[dimension + 1] = isLeading ? own[dimension] : 0 }
        return table.buckets[cell]
      }
      result.addCounting(folded)
    }
    return result
  }
}
