import Basics
import Dataflow
import Settings

extension Dashboard {
  /// A document as it was sent or kept, and what it says of itself beside the dashboard.
  public struct Document: Equatable, Sendable {
    public var dashboard: Dashboard
    public var id: String?
    /// Of the version it was made from.
    public var version: Int?
    public var createdAt: Int64?
    public var savedAt: Int64?
  }

  /// - `topologies`: those that are to answer its questions; nil: whichever there will be.
  /// - Errors: `.invalid`, a line for each mistake, with its path: `panels[0].query: metric: ...`.
  public static func load(json: [UInt8], topologies: [Topology]?) throws(Failure) -> Document {
    let name = "the dashboard"
    let problems = Problems(file: name)
    let node = YAML.parse(json: json, name: name, problems: problems)
    return try document(node, topologies, problems)
  }

  /// As above; a mistake's line begins with `file:line:column`.
  public static func load(yaml: String, file: String, topologies: [Topology]?) throws(Failure) -> Document {
    let problems = Problems(file: file)
    return try document(YAML.parse(yaml, problems: problems), topologies, problems)
  }

  private static func document(
    _ node: YAML.Node?, _ topologies: [Topology]?, _ problems: Problems
  ) throws(Failure) -> Document {
    guard let node else {
      try problems.throwIfAny()
      throw .invalid("the dashboard is empty")
    }
    let section = Section(node, problems: problems)
    var dashboard = Dashboard(title: "", panels: [])
    dashboard.title = title(section) ?? ""
    dashboard.description = section.text("description")
    dashboard.topology = section.text("topology")
    dashboard.days = section.integer("days", in: 1...3_660)
    dashboard.timezone = timezone(section)
    if let name = dashboard.topology, let topologies, !topologies.contains(where: { $0.name == name }) {
      let hint = Suggestion.hint(for: name, among: topologies.map(\.name))
      problems.add(section.node("topology")!.place, "topology: there is no \(NamedValues.shown(name))\(hint)")
    }
    if let panels = section.required("panels") {
      if case .sequence(let items) = panels.content {
        dashboard.panels = dashboard.panels(items, topologies, problems)
        if !(1...panelLimit).contains(items.count) {
          problems.add(panels.place, "a dashboard has 1 to \(panelLimit) panels, not \(items.count)")
        }
      } else if panels.content != .refused {
        problems.add(panels.place, "'panels' is a list of panels, not \(panels.kind)")
      }
    }
    var document = Document(dashboard: dashboard)
    document.id = section.text("id")
    document.version = section.integer("version", in: 0...Int(Int32.max))
    // Said of one that is read; whoever sends it back need not take it out.
    document.createdAt = section.text("created_at").flatMap { Timestamp($0)?.milliseconds }
    document.savedAt = section.text("saved_at").flatMap { Timestamp($0)?.milliseconds }
    _ = section.node("built_in")
    section.finish()
    try problems.throwIfAny()
    return document
  }

  private static func title(_ section: Section) -> String? {
    guard let node = section.required("title"), let title = section.text(node, "title") else { return nil }
    guard (1...120).contains(title.count) else {
      section.report(node.place, "'title' has 1 to 120 characters, not \(title.count)")
      return nil
    }
    return title
  }

  private static func timezone(_ section: Section) -> String? {
    guard let node = section.node("timezone"), let name = section.text(node, "timezone") else { return nil }
    if Timezones.isKnown(name) { return name }
    section.report(
      node.place, "timezone: \(NamedValues.shown(name)) is not an IANA time zone such as Europe/Berlin")
    return nil
  }

  private func panels(_ items: [YAML.Node], _ topologies: [Topology]?, _ problems: Problems) -> [Panel] {
    items.enumerated().compactMap { index, item in
      let section = Section(item, path: ["panels[\(index)]"], problems: problems)
      defer { section.finish() }
      let title = Dashboard.title(section)
      let size = section.choice("size", Dashboard.sizes, or: "half")
      let days = section.integer("days", in: 1...3_660)
      let (query, funnel) = (section.node("query"), section.node("funnel"))
      guard let node = query ?? funnel, query == nil || funnel == nil else {
        if case .mapping = item.content {
          section.report(item.place, "a panel has either a 'query' or a 'funnel'")
        }
        _ = section.node("chart")
        return nil
      }
      let question: Question
      if query != nil {
        question = .query(Dashboard.items(node, Dashboard.queryNames, "query", problems))
      } else {
        var items = Dashboard.items(node, ["view"] + Dashboard.funnelNames, "funnel", problems)
        guard let view = items.firstIndex(where: { $0.name == "view" }).map({ items.remove(at: $0).value }) else {
          section.report(node.place, "'view' is missing: name a funnel")
          return nil
        }
        question = .funnel(view: view, items)
      }
      let isFunnel = query == nil
      let chart = section.choice(
        "chart", isFunnel ? Dashboard.funnelCharts : Dashboard.queryCharts, or: isFunnel ? "funnel" : "line")
      if let problem = problem(of: question, among: topologies) { section.report(node.place, problem.message) }
      return Panel(title: title ?? "", chart: chart, size: size, days: days, question: question)
    }
  }

  /// In the order of `known`. A list is its items with commas between.
  private static func items(_ node: YAML.Node, _ known: [String], _ name: String, _ problems: Problems) -> [Item] {
    let section = Section(node, path: [name], problems: problems)
    defer { section.finish() }
    return known.compactMap { name in
      guard let value = section.node(name) else { return nil }
      guard case .sequence(let items) = value.content else {
        return section.text(value, name).map { Item(name: name, value: $0) }
      }
      return Item(name: name, value: items.compactMap { section.text($0, name) }.joined(separator: ","))
    }
  }
}

extension Section {
  fileprivate func choice(_ key: String, _ choices: [String], or usual: String) -> String {
    guard let node = node(key), let text = text(node, key) else { return usual }
    guard choices.contains(text) else {
      report(node.place, "\(key): there is no \(NamedValues.shown(text))\(Suggestion.hint(for: text, among: choices))")
      return usual
    }
    return text
  }
}
