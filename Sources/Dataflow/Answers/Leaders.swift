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

  /// - `totals`: what each group comes to over the whole range, users counted, in bucket 0.
  init(_ plan: QueryPlan, _ totals: CellTable, _ dictionary: TextDictionary, count: Int) {
    self.plan = plan
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

  /// Of the folded cells: one dimension before the others says whether it is the rest.
  var schema: CellSchema {
    var schema = plan.schema
    schema.dimensions += 1
    return schema
  }

  /// Adds cells of one partition to those of rows, users counted. All of a row of a partition comes at once.
  func fold(_ table: CellTable, into result: CellTable) {
    let dimensions = plan.group.count
    let folded = CellTable(schema: schema, dictionary: table.dictionary)
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
}
