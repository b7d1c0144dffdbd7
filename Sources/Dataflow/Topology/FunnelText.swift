import Basics

/// A funnel that no topology declares, as it was written.
public struct FunnelText: Codable, Equatable, Sendable {
  public struct Step: Codable, Equatable, Sendable {
    public var event: String
    /// Shown in answers; nil: the event type.
    public var name: String?
    public var condition: String?

    public init(event: String, name: String? = nil, condition: String? = nil) {
      self.event = event
      self.name = name
      self.condition = condition
    }
  }

  public var steps: [Step]
  public var withinMilliseconds: Int64
  public var strictIncrease = false
  /// The field of the breakdown, taken from the entry.
  public var by: String?
  /// Of the events of every step.
  public var condition: String?

  public init(steps: [Step], withinMilliseconds: Int64, by: String? = nil, condition: String? = nil) {
    self.steps = steps
    self.withinMilliseconds = withinMilliseconds
    self.by = by
    self.condition = condition
  }

  /// The name of the view it would be.
  public static let view = "funnel"

  /// Nothing but this funnel, over what another topology reads.
  ///
  /// - Errors: as `definition`.
  public func topology(named name: String, reading source: Topology.Source) throws(Failure) -> Topology {
    var topology = Topology(name: name)
    topology.source = source
    topology.views = [ViewDefinition(name: FunnelText.view, kind: .funnel(try definition()))]
    return topology
  }

  /// - Errors: `.invalid` naming what is wrong: `steps[1].where: column 5: ...`.
  public func definition() throws(Failure) -> FunnelDefinition {
    guard (2...FunnelReader.stepLimit).contains(steps.count) else {
      throw .invalid("steps: a funnel has 2 to \(FunnelReader.stepLimit) steps, not \(steps.count)")
    }
    guard withinMilliseconds > 0 else {
      throw .invalid("within: a funnel takes some time, not \(withinMilliseconds) ms")
    }
    let common = try condition.map { (text) throws(Failure) in try FunnelText.predicate(text, "where") }
    var definitions: [FunnelDefinition.Step] = []
    for (index, step) in steps.enumerated() {
      try FunnelText.check(step.event, "steps[\(index)].event")
      if let name = step.name { try FunnelText.check(name, "steps[\(index)].name") }
      let own = try step.condition.map { (text) throws(Failure) in
        try FunnelText.predicate(text, "steps[\(index)].where")
      }
      let both: Predicate? = if let common, let own { Predicate.and(common, own) } else { common ?? own }
      definitions.append(FunnelDefinition.Step(name: step.name ?? step.event, eventType: step.event, filter: both))
    }
    return FunnelDefinition(
      steps: definitions, withinMilliseconds: withinMilliseconds,
      by: try by.map { (text) throws(Failure) in try FunnelText.field(text) }, strictIncrease: strictIncrease)
  }

  private static func check(_ label: String, _ parameter: String) throws(Failure) {
    guard !(1...256).contains(label.utf8.count) else { return }
    throw .invalid("\(parameter): 1 to 256 bytes of text, not \(label.utf8.count)")
  }

  private static func predicate(_ text: String, _ parameter: String) throws(Failure) -> Predicate {
    try read(text, parameter) { (parser) throws(ExpressionError) in try parser.wholePredicate() }
  }

  private static func field(_ text: String) throws(Failure) -> Field {
    try read(text, "breakdown") { (parser) throws(ExpressionError) in
      let field = try parser.use(as: .value)
      try parser.end()
      return field
    }
  }

  private static func read<Value>(
    _ text: String, _ parameter: String, _ parse: (inout ExpressionParser) throws(ExpressionError) -> Value
  ) throws(Failure) -> Value {
    let value: Value
    let uses: [FieldUse]
    do throws(ExpressionError) {
      var parser = try ExpressionParser(text)
      value = try parse(&parser)
      uses = parser.uses
    } catch { throw .invalid("\(parameter): column \(error.offset + 1): \(error.message)") }
    for use in uses {
      guard let problem = Envelope.problem(with: use, of: .events) else { continue }
      throw .invalid("\(parameter): column \(use.offset + 1): \(problem)")
    }
    return value
  }
}
