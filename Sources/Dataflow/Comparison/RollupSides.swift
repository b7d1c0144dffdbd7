import Basics

/// A rollup in two definitions, and what both of them have.
struct RollupSides {
  let name: String
  let a: RollupPlan
  let b: RollupPlan
  let tableA: UInt16
  let tableB: UInt16

  /// In a's order.
  var dimensions: [Field] { a.definition.by.filter(b.definition.by.contains) }
  var measures: [String] { names(a).filter(names(b).contains) }
  /// Finest first.
  var grains: [Grain] { a.definition.grains.map(\.grain).filter(b.definition.grains.map(\.grain).contains) }

  private func names(_ plan: RollupPlan) -> [String] { plan.measures.map(\.measure.name) }

  /// The cells by `keeping`, or by all dimensions that both have; the others are added up.
  func table(
    _ grain: Grain, of answers: Answers, isA: Bool, keeping: [Field]? = nil
  ) throws(Failure) -> ComparedTable {
    let plan = isA ? a : b
    return try ComparedTable.rollup(
      plan, isA ? tableA : tableB, answers, plan.definition.grains.first { $0.grain == grain }!,
      group: (keeping ?? dimensions).map { plan.definition.by.firstIndex(of: $0)! }, measures: measures)
  }

  func describe(_ difference: inout ViewDifference) {
    difference.comparedDimensions = dimensions.map(\.description)
    difference.onlyInA = only(a, b)
    difference.onlyInB = only(b, a)
    let lost = difference.onlyInA.dimensions + difference.onlyInB.dimensions
    if !lost.isEmpty {
      difference.notes.append("the dimensions differ: compared with \(lost.joined(separator: ", ")) added up")
    }
    let grains = difference.onlyInA.grains + difference.onlyInB.grains
    if !grains.isEmpty { difference.notes.append("only one side keeps \(grains.joined(separator: ", "))") }
    if a.definition.of != b.definition.of {
      difference.notes.append("\(a.definition.of.rawValue) on one side, \(b.definition.of.rawValue) on the other")
    }
  }

  private func only(_ one: RollupPlan, _ other: RollupPlan) -> ViewDifference.Only {
    ViewDifference.Only(
      dimensions: one.definition.by.filter { !other.definition.by.contains($0) }.map(\.description),
      measures: names(one).filter { !names(other).contains($0) },
      grains: one.definition.grains.map(\.grain).filter { grain in
        !other.definition.grains.contains { $0.grain == grain }
      }.map(\.name))
  }
}
