import Settings

/// `rollup: {of, by, measures, grains}`.
struct RollupReader {
  static let dimensionLimit = 8
  /// A measure takes up to two parts of a cell, and a block of cells counts its parts in a byte.
  static let measureLimit = 100

  let section: Section
  let topology: Topology

  func read() -> RollupDefinition? {
    let subject = subject()
    let expressions = ExpressionReader(section: section, subject: subject ?? .events)
    let by = expressions.dimensions("by", limit: Self.dimensionLimit) ?? []
    // Without knowing what is counted, its measures cannot be judged.
    let measures = section.required("measures").map { subject == nil ? [] : self.measures($0, expressions) }
    let grains = section.required("grains").map { self.grains($0) }
    section.finish()
    guard let subject, let measures, let grains else { return nil }
    return RollupDefinition(of: subject, by: by, measures: measures, grains: grains)
  }

  private func subject() -> RollupDefinition.Subject? {
    guard let node = section.required("of"), let text = section.text(node, "of") else { return nil }
    if let subject = RollupDefinition.Subject(rawValue: text) { return subject }
    let hint = Suggestion.hint(for: text, among: ["events", "sessions"])
    section.report(node.place, "a rollup is of events or of sessions, not '\(text)'\(hint)")
    return nil
  }

  private func measures(_ node: YAML.Node, _ expressions: ExpressionReader) -> [Measure] {
    let names = Section(node, path: ["measures"], problems: section.problems)
    let entries = names.all()
    if case .mapping(let all) = node.content, all.isEmpty {
      section.report(node.place, "a rollup has at least one measure")
    }
    if entries.count > Self.measureLimit {
      section.report(
        entries[Self.measureLimit].place,
        "at most \(Self.measureLimit) measures in a rollup, found \(entries.count); make a second view for the rest")
    }
    return entries.compactMap { entry in
      Names.check(entry.key, as: "measure", at: entry.place, section.problems)
      return expressions.measure(entry.value, named: entry.key)
    }
  }

  private func grains(_ node: YAML.Node) -> [GrainDefinition] {
    let names = Section(node, path: ["grains"], problems: section.problems)
    if case .mapping(let all) = node.content, all.isEmpty {
      section.report(node.place, "a rollup has at least one grain")
    }
    var grains: [GrainDefinition] = []
    for grain in Grain.allCases {
      guard let value = names.node(grain.name), let retention = names.retention(value, grain.name) else { continue }
      grains.append(GrainDefinition(grain: grain, retentionMilliseconds: retention.milliseconds))
      check(retention, of: grain, at: value.place)
    }
    names.finish()
    return grains
  }

  /// An event may come as late as the horizon and then still join a session that began a gap earlier; its bucket must
  /// be there.
  private func check(_ retention: Retention, of grain: Grain, at place: Place) {
    let (horizon, gap) = (topology.source.horizonMilliseconds, topology.gapMilliseconds)
    let least = horizon + gap + grain.milliseconds
    guard let kept = retention.milliseconds, kept < least else { return }
    section.report(
      place,
      "'\(grain.name)' is kept \(Durations.text(kept)), but a late event may still change a bucket for horizon + gap + "
        + "grain = \(Durations.text(horizon)) + \(Durations.text(gap)) + \(Durations.text(grain.milliseconds)); use "
        + "\(Durations.text(least, roundedUpTo: horizon)) or more")
  }
}
