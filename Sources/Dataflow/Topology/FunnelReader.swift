import Basics
import Settings

/// `funnel: {steps, within, by, mode, retention}`.
struct FunnelReader {
  static let stepLimit = 20
  /// Entries are kept by the quarter of an hour.
  static let bucketMilliseconds = 15 * Timestamp.minute

  let section: Section
  let topology: Topology

  func read() -> FunnelDefinition? {
    let expressions = ExpressionReader(section: section, subject: .events)
    let steps = section.required("steps").map { self.steps($0, expressions) }
    let within = section.required("within").flatMap { section.duration($0, "within") }
    let by = expressions.dimensions("by", limit: 1)?.first
    let isStrict = mode() ?? false
    var kept: Int64?
    if let node = section.node("retention"), let retention = section.retention(node, "retention") {
      kept = retention.milliseconds
      if let within, let kept { check(kept, within, at: node.place) }
    }
    section.finish()
    guard let steps, let within else { return nil }
    return FunnelDefinition(
      steps: steps, withinMilliseconds: within, by: by, strictIncrease: isStrict, retentionMilliseconds: kept)
  }

  private func mode() -> Bool? {
    guard let node = section.node("mode"), let text = section.text(node, "mode") else { return nil }
    switch text {
    case "default": return false
    case "strict_increase": return true
    default:
      let hint = Suggestion.hint(for: text, among: ["default", "strict_increase"])
      section.report(node.place, "there is no mode '\(text)'\(hint)")
      return nil
    }
  }

  private func steps(_ node: YAML.Node, _ expressions: ExpressionReader) -> [FunnelDefinition.Step] {
    guard case .sequence(let nodes) = node.content else {
      section.report(node.place, "'steps' is a list of event types, not \(node.kind)")
      return []
    }
    if !(2...Self.stepLimit).contains(nodes.count) {
      section.report(node.place, "a funnel has 2 to \(Self.stepLimit) steps, not \(nodes.count)")
    }
    return nodes.compactMap { step($0, expressions) }
  }

  private func step(_ node: YAML.Node, _ expressions: ExpressionReader) -> FunnelDefinition.Step? {
    guard case .mapping = node.content else {
      guard let type = label(node, "step") else { return nil }
      return FunnelDefinition.Step(name: type, eventType: type)
    }
    let step = Section(node, path: ["step"], problems: section.problems)
    let type = step.required("event").flatMap { label($0, "event") }
    let name = step.node("name").flatMap { label($0, "name") }
    let filter = step.node("where").flatMap {
      ExpressionReader(section: step, subject: .events).predicate($0, key: "where")
    }
    step.finish()
    return type.map { FunnelDefinition.Step(name: name ?? $0, eventType: $0, filter: filter) }
  }

  private func label(_ node: YAML.Node, _ key: String) -> String? {
    guard let text = section.text(node, key) else { return nil }
    guard (1...256).contains(text.utf8.count) else {
      section.report(node.place, "'\(key)' is 1 to 256 bytes of text, not \(text.utf8.count)")
      return nil
    }
    return text
  }

  /// A late event may be the last step of an entry that is `within` older.
  private func check(_ kept: Int64, _ within: Int64, at place: Place) {
    let horizon = topology.source.horizonMilliseconds
    let least = horizon + within + Self.bucketMilliseconds
    guard kept < least else { return }
    section.report(
      place,
      "entries are kept \(Durations.text(kept)), but a late event may still change one for horizon + within + 15m = "
        + "\(Durations.text(horizon)) + \(Durations.text(within)) + 15m; use "
        + "\(Durations.text(least, roundedUpTo: horizon)) or more")
  }
}
