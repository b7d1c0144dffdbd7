import Basics

/// A condition on a cell's dimensions, in SQL's three-valued logic like any other.
///
/// Cells are many and texts few: what a comparison makes of a text is found out once.
final class DimensionFilter {
  private indirect enum Node {
    case leaf(Int)
    case not(Node)
    case and(Node, Node)
    case or(Node, Node)
  }

  private struct Leaf {
    var predicate: Predicate
    var dimension: Int
    /// By code: 0 not known yet, 1 false, 2 true, 3 neither.
    var known: [UInt8] = []
  }

  private let dimensions: [Field]
  private let dictionary: TextDictionary
  private var leaves: [Leaf] = []
  private var root = Node.leaf(0)

  /// - Errors: `.invalid` for a field that is not a dimension of the view, or a number where dimensions are text.
  init(_ predicate: Predicate, _ dimensions: [Field], _ dictionary: TextDictionary) throws(Failure) {
    self.dimensions = dimensions
    self.dictionary = dictionary
    try check(predicate)
    root = node(predicate)
  }

  func accepts(_ codes: UnsafePointer<UInt32>) -> Bool { evaluate(root, codes) == 2 }

  private func node(_ predicate: Predicate) -> Node {
    switch predicate {
    case .compare(let field, _, _), .isIn(let field, _), .exists(let field):
      leaves.append(Leaf(predicate: predicate, dimension: dimensions.firstIndex(of: field)!))
      return .leaf(leaves.count - 1)
    case .not(let inner): return .not(node(inner))
    case .and(let a, let b): return .and(node(a), node(b))
    case .or(let a, let b): return .or(node(a), node(b))
    }
  }

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

  /// 1 false, 2 true, 3 neither.
  private func evaluate(_ node: Node, _ codes: UnsafePointer<UInt32>) -> UInt8 {
    switch node {
    case .leaf(let index):
      let code = Int(codes[leaves[index].dimension])
      if code < leaves[index].known.count, leaves[index].known[code] != 0 { return leaves[index].known[code] }
      return learn(index, code)
    case .not(let inner):
      let value = evaluate(inner, codes)
      return value == 3 ? 3 : 3 - value
    case .and(let a, let b):
      let (left, right) = (evaluate(a, codes), evaluate(b, codes))
      return left == 1 || right == 1 ? 1 : max(left, right)
    case .or(let a, let b):
      let (left, right) = (evaluate(a, codes), evaluate(b, codes))
      return left == 2 || right == 2 ? 2 : max(left, right)
    }
  }

  private func learn(_ index: Int, _ code: Int) -> UInt8 {
    let value: UInt8 =
      switch holds(leaves[index].predicate, UInt32(code)) {
      case false?: 1
      case true?: 2
      case nil: 3
      }
    while leaves[index].known.count <= code {
      leaves[index].known.append(contentsOf: repeatElement(0, count: max(64, leaves[index].known.count)))
    }
    leaves[index].known[code] = value
    return value
  }

  private func holds(_ predicate: Predicate, _ code: UInt32) -> Bool? {
    switch predicate {
    case .compare(_, let comparison, let literal):
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
    case .isIn(_, let literals):
      guard code != 0 else { return nil }
      // As bytes: Swift's own comparison of texts takes differently composed letters for the same.
      let own = dictionary.bytes(code)
      return literals.contains { text($0)?.utf8.elementsEqual(own) ?? false }
    case .exists: return code != 0
    case .not, .and, .or: preconditionFailure("not a leaf")
    }
  }

  private func text(_ literal: Literal) -> String? {
    switch literal {
    case .text(let text): text.isEmpty ? nil : text
    case .boolean(let value): value ? "true" : "false"
    case .number: nil
    }
  }
}
