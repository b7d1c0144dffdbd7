import Basics
import Events

/// A rollup compiled to columns: its cells' parts, and how each measure is read from them.
struct RollupPlan {
  /// One part of a cell and what feeds it.
  struct PartPlan: Equatable {
    var part: CellSchema.Part
    /// The number column; nil for counts of rows and for users.
    var column: Int?
    /// Index into `filters`; nil for all rows.
    var filter: Int?
  }

  let definition: RollupDefinition
  /// Text columns of the dimensions.
  let dimensions: [Int]
  /// The first part counts rows, so that an empty cell is known as such whatever the measures say.
  private(set) var parts: [PartPlan] = [PartPlan(part: .count, column: nil, filter: nil)]
  private(set) var filters: [PredicatePlan] = []
  let measures: [MeasurePlan]

  var schema: CellSchema { CellSchema(dimensions: dimensions.count, parts: parts.map(\.part)) }
  var finest: Grain { definition.grains[0].grain }

  init(_ definition: RollupDefinition, columns: any ColumnPlan) {
    self.definition = definition
    dimensions = definition.by.map { columns.column($0, .text) }
    var sources: [Predicate] = []
    var parts = self.parts
    var filters: [PredicatePlan] = []
    func part(_ part: CellSchema.Part, _ column: Int?, _ filter: Predicate?) -> Int {
      var index: Int?
      if let filter {
        index = sources.firstIndex(of: filter)
        if index == nil {
          sources.append(filter)
          filters.append(PredicatePlan(filter, columns: columns))
          index = sources.count - 1
        }
      }
      let plan = PartPlan(part: part, column: column, filter: index)
      if let known = parts.firstIndex(of: plan) { return known }
      parts.append(plan)
      return parts.count - 1
    }
    measures = definition.measures.map { measure in
      let scale = MeasurePlan.scale(measure)
      let filter = measure.filter
      switch measure.function {
      case .count:
        return MeasurePlan(measure, scale: 0, first: part(.count, nil, filter))
      case .sum(let field):
        return MeasurePlan(measure, scale: scale, first: part(.sum, columns.column(field, .scaled(scale)), filter))
      case .avg(let field):
        let column = columns.column(field, .scaled(scale))
        return MeasurePlan(
          measure, scale: scale, first: part(.sum, column, filter), second: part(.count, column, filter))
      case .min(let field):
        return MeasurePlan(measure, scale: scale, first: part(.minimum, columns.column(field, .scaled(scale)), filter))
      case .max(let field):
        return MeasurePlan(measure, scale: scale, first: part(.maximum, columns.column(field, .scaled(scale)), filter))
      case .distinct:
        return MeasurePlan(measure, scale: 0, first: part(definition.of == .events ? .set : .bag, nil, filter))
      case .quantile(let field, _):
        return MeasurePlan(
          measure, scale: scale, first: part(.histogram, columns.column(field, .scaled(scale)), filter))
      }
    }
    self.parts = parts
    self.filters = filters
  }
}

/// How a measure is read from a cell's parts.
struct MeasurePlan: Sendable {
  let measure: Measure
  /// Digits after the decimal point of the number in the part.
  let scale: Int
  /// Index of its part.
  let first: Int
  /// `avg` only: the part with the count of values.
  let second: Int?

  init(_ measure: Measure, scale: Int, first: Int, second: Int? = nil) {
    self.measure = measure
    self.scale = scale
    self.first = first
    self.second = second
  }

  /// A session's own numbers are whole; an event's keep six digits unless the measure says how many.
  static func scale(_ measure: Measure) -> Int {
    if let scale = measure.scale { return scale }
    switch measure.function {
    case .count, .distinct, .sum: return 0
    case .avg(let field), .min(let field), .max(let field), .quantile(let field, _):
      return SessionColumns.Own(rawValue: field.description) == nil ? 6 : 0
    }
  }
}
