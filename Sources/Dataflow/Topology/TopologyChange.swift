import Basics
import Settings

/// What a changed definition means: which views, because of which key of the file.
public struct TopologyChange: Sendable {
  /// One key that says something else.
  public struct Reason: Sendable, Equatable {
    /// From the top of the file: `views.traffic.rollup.by`.
    public var key: String
    /// Nil: it was not there, and had no default.
    public var from: String?
    public var to: String?
    /// Of the new file, counted from 1; where the key is gone, of what it was in.
    public var line: Int?
  }

  public enum Kind: String, Sendable { case added, removed, changed, unchanged }

  public struct View: Sendable {
    public var name: String
    public var kind: Kind
    public var reasons: [Reason]
  }

  /// Of the new file in its order, then those that are gone.
  public private(set) var views: [View] = []
  /// Settings that concern more than one view.
  public private(set) var settings: [Reason] = []

  /// Whether the numbers may be others.
  public var isEmpty: Bool { settings.isEmpty && views.allSatisfy { $0.kind == .unchanged } }

  /// - `old`: nil: there is nothing yet.
  /// - `text`: the new file, for its lines.
  public init(from old: Topology?, to new: Topology, text: String) {
    let lines = KeyLines(text)
    var touching: [(reason: Reason, touches: (ViewDefinition) -> Bool)] = []
    if let old { touching = TopologyChange.settings(old, new, lines) }
    settings = touching.map(\.reason)
    for view in new.views {
      guard let before = old?.view(named: view.name) else {
        views.append(View(name: view.name, kind: .added, reasons: []))
        continue
      }
      let own = ViewKeys(before).difference(ViewKeys(view), "views.\(view.name)", lines)
      let reasons = own + touching.filter { $0.touches(view) }.map(\.reason)
      views.append(View(name: view.name, kind: reasons.isEmpty ? .unchanged : .changed, reasons: reasons))
    }
    for view in old?.views ?? [] where new.view(named: view.name) == nil {
      views.append(View(name: view.name, kind: .removed, reasons: []))
    }
  }

  private static func settings(
    _ old: Topology, _ new: Topology, _ lines: KeyLines
  ) -> [(reason: Reason, touches: (ViewDefinition) -> Bool)] {
    var found: [(reason: Reason, touches: (ViewDefinition) -> Bool)] = []
    func compare(
      _ key: String, _ from: String, _ to: String, _ touches: @escaping (ViewDefinition) -> Bool = { _ in true }
    ) {
      guard from != to else { return }
      found.append((Reason(key: key, from: from, to: to, line: lines.line(key)), touches))
    }
    compare("source.topic", old.source.topic, new.source.topic)
    compare(
      "source.horizon", Durations.text(old.source.horizonMilliseconds), Durations.text(new.source.horizonMilliseconds))
    compare("source.trust_stamps", "\(old.source.trustStamps)", "\(new.source.trustStamps)")
    compare("source.trust_producer_time", "\(old.source.trustProducerTime)", "\(new.source.trustProducerTime)")
    compare("sessions.gap", Durations.text(old.gapMilliseconds), Durations.text(new.gapMilliseconds)) { view in
      if case .rollup(let rollup) = view.kind { return rollup.of == .sessions }
      return false
    }
    compare("timezone", old.timezone, new.timezone) { view in
      if case .rollup(let rollup) = view.kind { return rollup.grains.contains { $0.grain == .day } }
      return false
    }
    return found
  }
}

/// What a view's keys say, in the order of the file's reference.
private struct ViewKeys {
  private var keys: [(key: String, value: String)] = []

  init(_ view: ViewDefinition) {
    switch view.kind {
    case .rollup(let rollup):
      add("rollup.of", rollup.of.rawValue)
      if !rollup.by.isEmpty { add("rollup.by", rollup.by.map(\.description).joined(separator: ", ")) }
      for measure in rollup.measures { add("rollup.measures.\(measure.name)", measure.canonicalText) }
      for grain in rollup.grains { add("rollup.grains.\(grain.grain.name)", kept(grain.retentionMilliseconds)) }
    case .funnel(let funnel):
      let steps = funnel.steps.map { step in
        let name = step.name == step.eventType ? "" : "\(step.name): "
        return name + step.eventType + (step.filter.map { " where \($0)" } ?? "")
      }
      add("funnel.steps", steps.joined(separator: ", "))
      add("funnel.within", Durations.text(funnel.withinMilliseconds))
      if let by = funnel.by { add("funnel.by", by.description) }
      add("funnel.mode", funnel.strictIncrease ? "strict_increase" : "default")
      add("funnel.retention", kept(funnel.retentionMilliseconds))
    }
  }

  private mutating func add(_ key: String, _ value: String) { keys.append((key, value)) }
  private func kept(_ milliseconds: Int64?) -> String { milliseconds.map { Durations.text($0) } ?? "forever" }
  private func value(_ key: String) -> String? { keys.first { $0.key == key }?.value }

  func difference(_ new: ViewKeys, _ path: String, _ lines: KeyLines) -> [TopologyChange.Reason] {
    var names = new.keys.map(\.key)
    names += keys.map(\.key).filter { !names.contains($0) }
    var reasons: [TopologyChange.Reason] = []
    for name in names {
      let (from, to) = (value(name), new.value(name))
      // As bytes: two spellings of é are two texts.
      if let from, let to, from.utf8.elementsEqual(to.utf8) { continue }
      reasons.append(
        TopologyChange.Reason(key: "\(path).\(name)", from: from, to: to, line: lines.line("\(path).\(name)")))
    }
    // The order of measures is that of the answers.
    let order = keys.map(\.key).filter { $0.hasPrefix("rollup.measures.") }
    let others = new.keys.map(\.key).filter { $0.hasPrefix("rollup.measures.") }
    if order != others, Set(order) == Set(others) {
      let path = "\(path).rollup.measures"
      let text = { (keys: [String]) in
        keys.map { String($0.dropFirst("rollup.measures.".count)) }.joined(separator: ", ")
      }
      reasons.append(
        TopologyChange.Reason(key: path, from: text(order), to: text(others), line: lines.line(path)))
    }
    return reasons
  }
}

/// On which lines of a file its keys stand.
private struct KeyLines {
  private let root: YAML.Node?

  init(_ text: String) { root = YAML.parse(text, problems: Problems(file: "")) }

  /// Of the key, or of the innermost one on the way to it that is there.
  func line(_ path: String) -> Int? {
    var node = root
    var line: Int?
    for key in path.split(separator: ".") {
      guard case .mapping(let entries)? = node?.content, let entry = entries.first(where: { $0.key == key }) else {
        break
      }
      if case .file(let number, _) = entry.place { line = number }
      node = entry.value
    }
    return line
  }
}
