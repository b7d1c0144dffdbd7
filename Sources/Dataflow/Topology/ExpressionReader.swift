import Settings

/// Conditions, measures and fields inside a topology file: reports what is wrong at its line and column.
struct ExpressionReader {
  let section: Section
  let subject: RollupDefinition.Subject

  func predicate(_ node: YAML.Node, key: String) -> Predicate? {
    read(node, key) { (parser) throws(ExpressionError) in try parser.wholePredicate() }
  }

  func measure(_ node: YAML.Node, named name: String) -> Measure? {
    let measure = read(node, name) { (parser) throws(ExpressionError) in try parser.wholeMeasure(named: name) }
    guard let measure, subject == .sessions else { return measure }
    switch measure.function {
    case .min(let field), .max(let field):
      // When an event joins two sessions both are taken back, and a minimum does not know the second smallest.
      let isMin = if case .min = measure.function { true } else { false }
      section.report(
        node.place,
        "\(isMin ? "min" : "max") of sessions is not possible: a late event changes sessions already counted, and a "
          + "\(isMin ? "minimum" : "maximum") cannot be taken back; use quantile(\(field), \(isMin ? "0.01" : "0.99"))")
      return nil
    default: return measure
    }
  }

  /// Dimensions: fields, of which a session's own numbers are none.
  func dimensions(_ key: String, limit: Int) -> [Field]? {
    guard let nodes = section.list(key) else { return nil }
    if nodes.count > limit, limit > 1 {
      section.report(nodes[limit].place, "at most \(limit) fields in '\(key)', found \(nodes.count)")
    } else if nodes.count > limit {
      section.report(nodes[limit].place, "'\(key)' takes one field here, found \(nodes.count)")
    }
    var fields: [Field] = []
    for node in nodes {
      let parsed = read(node, key) { (parser) throws(ExpressionError) in
        let field = try parser.use(as: .value)
        try parser.end()
        return field
      }
      guard let field = parsed else { continue }
      if field.path.count == 1, subject == .sessions, Envelope.sessionNumbers.contains(field.path[0]) {
        section.report(node.place, "'\(field)' is a number of the session, not a dimension; measure it or use 'where'")
      } else if fields.contains(field) {
        section.report(node.place, "'\(field)' stands twice in '\(key)'")
      }
      fields.append(field)
    }
    return fields
  }

  private func read<T>(
    _ node: YAML.Node, _ key: String, _ parse: (inout ExpressionParser) throws(ExpressionError) -> T
  ) -> T? {
    guard let text = section.text(node, key) else { return nil }
    do {
      var parser = try ExpressionParser(text)
      let value = try parse(&parser)
      for use in parser.uses {
        guard let problem = Envelope.problem(with: use, of: subject) else { continue }
        section.report(node.place(ofCharacter: use.offset), problem)
      }
      return value
    } catch {
      section.report(node.place(ofCharacter: error.offset), error.message)
      return nil
    }
  }
}
