import Basics

extension Predicate: CustomStringConvertible {
  /// From text such as `event_type = 'purchase' and properties.amount >= 100`: a view's `where`, the HTTP `where=`,
  /// the CLI's `--where`.
  ///
  /// - Errors: `.invalid` with the column, counted from 1. Whether the fields exist is for the caller to say.
  public static func parse(_ text: String) throws(Failure) -> Predicate {
    do {
      var parser = try ExpressionParser(text)
      return try parser.wholePredicate()
    } catch {
      throw .invalid("column \(error.offset + 1): \(error.message)")
    }
  }

  /// Text that parses to an equal predicate, with no more parentheses than that takes.
  public var description: String {
    switch self {
    case .compare(let field, let comparison, let literal): "\(field) \(comparison.rawValue) \(literal)"
    case .isIn(let field, let literals): "\(field) in \(Predicate.list(literals))"
    case .exists(let field): "exists \(field)"
    case .not(.isIn(let field, let literals)): "\(field) not in \(Predicate.list(literals))"
    case .not(let inner): "not \(inner.text(binding: 3))"
    // A chain leans to the left, as the parser builds it.
    case .and(let a, let b): "\(a.text(binding: 2)) and \(b.text(binding: 3))"
    case .or(let a, let b): "\(a.text(binding: 1)) or \(b.text(binding: 2))"
    }
  }

  /// In parentheses when it binds less than what stands around it: or 1, and 2, everything else 3.
  private func text(binding needed: Int) -> String {
    let own =
      switch self {
      case .or: 1
      case .and: 2
      default: 3
      }
    return own < needed ? "(\(self))" : description
  }

  private static func list(_ literals: [Literal]) -> String {
    "(\(literals.map(\.description).joined(separator: ", ")))"
  }

  /// Every field named, in order, with repetition.
  public var fields: [Field] {
    switch self {
    case .compare(let field, _, _), .isIn(let field, _), .exists(let field): [field]
    case .not(let inner): inner.fields
    case .and(let a, let b), .or(let a, let b): a.fields + b.fields
    }
  }
}
