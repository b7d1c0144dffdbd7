import Basics

/// A condition on a cell's dimensions, in SQL's three-valued logic like any other.
struct DimensionFilter {
  private let predicate: Predicate
  private let dimensions: [Field]
  private let dictionary: TextDictionary

  /// - Errors: `.invalid` for a field that is not a dimension of the view, or a number where dimensions are text.
  init(_ predicate: Predicate, _ dimensions: [Field], _ dictionary: TextDictionary) throws(Failure) {
    self.predicate = predicate
    self.dimensions = dimensions
    self.dictionary = dictionary
    try check(predicate)
  }

  func accepts(_ codes: UnsafePointer<UInt32>) -> Bool { evaluate(predicate, codes) == true }

  private func check(_ predicate: Predicate) throws(Failure) {
    switch predicate {
    case .compare(let field, _, let literal): try check(field, [literal])
    case .isIn(let field, let literals): try check(field, literals)
    case .exists(let field): try check(field, [])
    case .not(let inner): try check(inner)
    case .and(let a, let b), .or(let a, let b):
      try check(a)
      try check(b)
    }
  }

  private func check(_ field: Field, _ literals: [Literal]) throws(Failure) {
    guard dimensions.contains(field) else {
      let known = dimensions.map(\.description).joined(separator: ", ")
      throw .invalid("where: '\(field)' is not a dimension of this view; there is \(known.isEmpty ? "none" : known)")
    }
    for case .number in literals {
      throw .invalid("where: dimensions are text, so compare '\(field)' with a quoted value")
    }
  }

  private func evaluate(_ predicate: Predicate, _ codes: UnsafePointer<UInt32>) -> Bool? {
    switch predicate {
    case .compare(let field, let comparison, let literal):
      let code = code(field, codes)
      guard code != 0, let other = text(literal) else { return nil }
      let order = other.withCString { pointer in
        compareBytes(dictionary.bytes(code), UnsafeRawBufferPointer(start: pointer, count: other.utf8.count))
      }
      return switch comparison {
      case .equal: order == 0
      case .notEqual: order != 0
      case .less: order < 0
      case .lessOrEqual: order <= 0
      case .greater: order > 0
      case .greaterOrEqual: order >= 0
      }
    case .isIn(let field, let literals):
      let code = code(field, codes)
      guard code != 0 else { return nil }
      // As bytes: Swift's own comparison of texts takes differently composed letters for the same.
      let own = dictionary.bytes(code)
      return literals.contains { text($0)?.utf8.elementsEqual(own) ?? false }
    case .exists(let field): return code(field, codes) != 0
    case .not(let inner): return evaluate(inner, codes).map { !$0 }
    case .and(let a, let b):
      let (left, right) = (evaluate(a, codes), evaluate(b, codes))
      if left == false || right == false { return false }
      return left == true && right == true ? true : nil
    case .or(let a, let b):
      let (left, right) = (evaluate(a, codes), evaluate(b, codes))
      if left == true || right == true { return true }
      return left == false && right == false ? false : nil
    }
  }

  private func code(_ field: Field, _ codes: UnsafePointer<UInt32>) -> UInt32 {
    codes[dimensions.firstIndex(of: field)!]
  }

  private func text(_ literal: Literal) -> String? {
    switch literal {
    case .text(let text): text.isEmpty ? nil : text
    case .boolean(let value): value ? "true" : "false"
    case .number: nil
    }
  }
}
