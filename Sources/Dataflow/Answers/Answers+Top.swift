import Basics
import Stores

/// The groups with the largest values. Which they are is known when all of the range was seen, and what the rest comes to after
/// that; so users are gone through twice, a stretch of a partition at a time, and never all held.
extension Answers {
  /// Cells of one partition, or of all when no users are among them.
  private enum Source {
    case snapshot(Snapshot)
    case columns([UInt8])
    case cells(CellTable)
  }

  /// The cells of each range, users counted, folded by the leaders of the first.
  func top(
    _ plan: QueryPlan, count: Int, _ parts: [QueryPart], _ dictionary: TextDictionary
  ) throws(Failure) -> [CellTable] {
    var leaders: Leaders?
    var results: [CellTable] = []
    for (index, range) in plan.ranges.enumerated() {
      let others = parts.flatMap { $0.ranges[index] }
      let sources: [Source] =
        plan.keepsUsers
        ? snapshots.map { .snapshot($0) } + others.map { .columns($0) }
        : [.cells(try together(plan, range, others, dictionary))]
      // What is compared is the same groups.
      if leaders == nil {
        leaders = Leaders(plan, try totals(sources, plan, range, dictionary), dictionary, count: count)
      }
      let leading = leaders!
      let result = CellTable(schema: leading.schema.counted, dictionary: dictionary)
      for source in sources {
        try each(source, plan, range, dictionary) { table throws(Failure) in
          leading.fold(table, into: result)
          guard result.byteCount <= limits.bytes else { throw limits.tooLarge() }
        }
      }
      results.append(result)
    }
    return results
  }

  /// What each group comes to over all of a range, in bucket 0.
  private func totals(
    _ sources: [Source], _ plan: QueryPlan, _ range: QueryPlan.Range, _ dictionary: TextDictionary
  ) throws(Failure) -> CellTable {
    let totals = CellTable(schema: plan.countedSchema, dictionary: dictionary)
    for source in sources {
      let united = CellTable(schema: plan.schema, dictionary: dictionary)
      try each(source, plan, range, dictionary) { table throws(Failure) in
        united.add(table) { _ in 0 }
        guard united.byteCount <= limits.bytes else { throw limits.tooLarge() }
      }
      totals.addCounting(united)
    }
    return totals
  }

  /// Calls `body` with the cells of a source, all of a row at once.
  private func each(
    _ source: Source, _ plan: QueryPlan, _ range: QueryPlan.Range, _ dictionary: TextDictionary,
    _ body: (CellTable) throws(Failure) -> Void
  ) throws(Failure) {
    func give(_ cells: [UInt8]) throws(Failure) {
      let table = CellTable(schema: plan.schema, dictionary: dictionary)
      try decode(cells, of: plan, range, into: table)
      try body(table)
    }
    switch source {
    case .snapshot(let snapshot):
      try eachStretch(plan, range, of: snapshot, dictionary) { cells throws(Failure) in try give(cells) }
    case .columns(let cells): try give(cells)
    case .cells(let table): try body(table)
    }
  }
}
