extension Topology {
  /// The meaning as text, the same for every way of writing it: what a digest is made of. Views by name; everything
  /// that has a default is written out. The first line changes when this form does.
  public var canonical: String {
    var lines = ["millrace topology 1", "topology \(name)"]
    lines.append(
      "source topic=\(source.topic) horizon=\(source.horizonMilliseconds) trust_stamps=\(source.trustStamps) "
        + "trust_producer_time=\(source.trustProducerTime)")
    lines.append("sessions gap=\(gapMilliseconds)")
    lines.append("timezone \(timezone)")
    // Strings compare by Unicode equivalence; names are ASCII, where that is the order of bytes.
    for view in views.sorted(by: { $0.name < $1.name }) { lines += view.canonical }
    return lines.map { $0 + "\n" }.joined()
  }
}

extension ViewDefinition {
  fileprivate var canonical: [String] {
    switch kind {
    case .rollup(let rollup): ["view \(name) rollup of=\(rollup.of.rawValue)"] + rollup.canonical
    case .funnel(let funnel): ["view \(name) funnel"] + funnel.canonical
    }
  }
}

extension RollupDefinition {
  /// The order of dimensions and measures is kept: it is the order in cells and answers.
  fileprivate var canonical: [String] {
    by.map { "  by \($0)" } + measures.map { "  measure \($0.name) = \($0.withScale)" }
      + grains.map { "  grain \($0.grain.name) retention=\(text(ofRetention: $0.retentionMilliseconds))" }
  }
}

extension FunnelDefinition {
  fileprivate var canonical: [String] {
    var lines = [
      "  within=\(withinMilliseconds) mode=\(strictIncrease ? "strict_increase" : "default") "
        + "retention=\(text(ofRetention: retentionMilliseconds))"
    ]
    if let by { lines.append("  by \(by)") }
    for step in steps {
      let filter = step.filter.map { " where \($0)" } ?? ""
      lines.append("  step \(Literal.quoted(step.name)) event=\(Literal.quoted(step.eventType))\(filter)")
    }
    return lines
  }
}

extension Measure {
  /// As text, with the scale that applies when none is given.
  var canonicalText: String { "\(withScale)" }

  /// Itself with the scale that applies when none is given.
  fileprivate var withScale: Measure {
    var measure = self
    switch function {
    case .sum: measure.scale = scale ?? 0
    case .min, .max: measure.scale = scale ?? 6
    case .count, .avg, .distinct, .quantile: break
    }
    return measure
  }
}

private func text(ofRetention milliseconds: Int64?) -> String { milliseconds.map(String.init) ?? "forever" }
