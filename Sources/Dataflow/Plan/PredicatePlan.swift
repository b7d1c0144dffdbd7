import Basics
import Events

/// A predicate over columns: evaluated node by node over the whole batch, not event by event.
///
/// Results are SQL's three values: 0 false, 1 true, 2 unknown.
struct PredicatePlan {
  private indirect enum Node {
    case text(column: Int, Predicate.Comparison, literal: String)
    case number(column: Int, Predicate.Comparison, literal: Int128)
    case anyText(column: Int, [String])
    case anyNumber(column: Int, [Int128])
    case exists(column: Int)
    case not(Node)
    case and(Node, Node)
    case or(Node, Node)
  }

  private let root: Node

  init(_ predicate: Predicate, columns: any ColumnPlan) {
    root = PredicatePlan.compile(predicate, columns)
  }

  private static func compile(_ predicate: Predicate, _ columns: any ColumnPlan) -> Node {
    switch predicate {
    case .compare(let field, let comparison, let literal): compare(field, comparison, literal, columns)
    case .isIn(let field, let literals): isIn(field, literals, columns)
    // A session's own numbers are always there; text columns carry numbers and booleans as their tokens.
    case .exists(let field):
      if SessionColumns.Own(rawValue: field.description) != nil, columns is SessionColumns {
        .number(column: columns.column(field, .exact), .greaterOrEqual, literal: .min + 1)
      } else {
        .exists(column: columns.column(field, .text))
      }
    case .not(let inner): .not(compile(inner, columns))
    case .and(let a, let b): .and(compile(a, columns), compile(b, columns))
    case .or(let a, let b): .or(compile(a, columns), compile(b, columns))
    }
  }

  private static func compare(
    _ field: Field, _ comparison: Predicate.Comparison, _ literal: Literal, _ columns: any ColumnPlan
  ) -> Node {
    switch literal {
    case .text(let text): .text(column: columns.column(field, .text), comparison, literal: text)
    case .boolean(let value): .text(column: columns.column(field, .text), comparison, literal: value ? "true" : "false")
    case .number(let number): .number(column: columns.column(field, .exact), comparison, literal: number)
    }
  }

  /// A list may mix texts and numbers; each kind is looked for in its own column.
  private static func isIn(_ field: Field, _ literals: [Literal], _ columns: any ColumnPlan) -> Node {
    var texts: [String] = []
    var numbers: [Int128] = []
    for literal in literals {
      switch literal {
      case .text(let text): texts.append(text)
      case .boolean(let value): texts.append(value ? "true" : "false")
      case .number(let number): numbers.append(number)
      }
    }
    if numbers.isEmpty { return .anyText(column: columns.column(field, .text), texts) }
    let number = Node.anyNumber(column: columns.column(field, .exact), numbers)
    return texts.isEmpty ? number : .or(.anyText(column: columns.column(field, .text), texts), number)
  }

  /// One value per selected row, in selection order.
  func evaluate(_ rows: Rows, _ dictionary: TextDictionary, into values: UnsafeMutablePointer<UInt8>) {
    PredicatePlan.evaluate(root, rows, dictionary, values)
  }

  private static func evaluate(
    _ node: Node, _ rows: Rows, _ dictionary: TextDictionary, _ values: UnsafeMutablePointer<UInt8>
  ) {
    let count = rows.selected
    switch node {
    case .text(let column, let comparison, let literal):
      text(rows, rows.texts[column], comparison, dictionary.intern(literal), literal.isEmpty, dictionary, values)
    case .number(let column, let comparison, let literal):
      let numbers = rows.numbers[column]
      for index in 0..<count {
        let value = numbers[Int(rows.selection[index])]
        values[index] = value == missingNumber ? 2 : holds(comparison, value < literal, value == literal) ? 1 : 0
      }
    case .anyText(let column, let literals):
      let texts = rows.texts[column]
      let codes = literals.map { dictionary.intern($0) }
      for index in 0..<count {
        let code = texts[Int(rows.selection[index])]
        values[index] = code == 0 ? 2 : codes.contains(code) ? 1 : 0
      }
    case .anyNumber(let column, let literals):
      let numbers = rows.numbers[column]
      for index in 0..<count {
        let value = numbers[Int(rows.selection[index])]
        values[index] = value == missingNumber ? 2 : literals.contains(value) ? 1 : 0
      }
    case .exists(let column):
      let texts = rows.texts[column]
      for index in 0..<count { values[index] = texts[Int(rows.selection[index])] == 0 ? 0 : 1 }
    case .not(let inner):
      evaluate(inner, rows, dictionary, values)
      for index in 0..<count where values[index] < 2 { values[index] = 1 - values[index] }
    case .and(let a, let b), .or(let a, let b):
      evaluate(a, rows, dictionary, values)
      let other = UnsafeMutablePointer<UInt8>.allocate(capacity: max(count, 1))
      defer { other.deallocate() }
      evaluate(b, rows, dictionary, other)
      if case .and = node {
        for index in 0..<count { values[index] = both(values[index], other[index]) }
      } else {
        for index in 0..<count { values[index] = either(values[index], other[index]) }
      }
    }
  }

  private static func text(
    _ rows: Rows, _ texts: UnsafeMutablePointer<UInt32>, _ comparison: Predicate.Comparison, _ literal: UInt32,
    _ literalIsMissing: Bool, _ dictionary: TextDictionary, _ values: UnsafeMutablePointer<UInt8>
  ) {
    for index in 0..<rows.selected {
      let code = texts[Int(rows.selection[index])]
      if code == 0 || literalIsMissing {
        // "" and missing are one value, so nothing compares with it.
        values[index] = 2
      } else if comparison == .equal || comparison == .notEqual {
        values[index] = (code == literal) == (comparison == .equal) ? 1 : 0
      } else {
        values[index] = holds(comparison, dictionary.precedes(code, literal), code == literal) ? 1 : 0
      }
    }
  }

  @inline(__always)
  private static func holds(_ comparison: Predicate.Comparison, _ less: Bool, _ equal: Bool) -> Bool {
    switch comparison {
    case .equal: equal
    case .notEqual: !equal
    case .less: less
    case .lessOrEqual: less || equal
    case .greater: !less && !equal
    case .greaterOrEqual: !less
    }
  }

  private static func both(_ a: UInt8, _ b: UInt8) -> UInt8 {
    if a == 0 || b == 0 { return 0 }
    return a == 1 && b == 1 ? 1 : 2
  }

  private static func either(_ a: UInt8, _ b: UInt8) -> UInt8 {
    if a == 1 || b == 1 { return 1 }
    return a == 0 && b == 0 ? 0 : 2
  }
}
