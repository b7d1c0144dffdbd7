/// Recursive descent over the words of a condition, a measure or a field.
///
///     or    = and {"or" and}          and = unary {"and" unary}       unary = "not" unary | test
///     test  = "(" or ")" | "exists" field | field comparison value | field ["not"] "in" "(" value {"," value} ")"
///           | field "is" ["not"] "null"
struct ExpressionParser {
  /// A predicate is walked recursively wherever it is used, so it must not be deeper than a stack.
  static let testLimit = 256
  static let depthLimit = 64

  private let tokens: [ExpressionToken]
  private var index = 0
  private var depth = 0
  private var tests = 0
  /// Every field so far, in the order written.
  private(set) var uses: [FieldUse] = []

  init(_ text: String) throws(ExpressionError) { tokens = try ExpressionTokenizer.tokens(of: text) }

  /// A condition, up to the end of the text.
  mutating func wholePredicate() throws(ExpressionError) -> Predicate {
    let predicate = try or()
    try end()
    return predicate
  }

  private mutating func or() throws(ExpressionError) -> Predicate {
    var left = try and()
    while takeKeyword("or") { left = .or(left, try and()) }
    return left
  }

  private mutating func and() throws(ExpressionError) -> Predicate {
    var left = try unary()
    while takeKeyword("and") { left = .and(left, try unary()) }
    return left
  }

  private mutating func unary() throws(ExpressionError) -> Predicate {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthLimit else {
      throw error("more than \(Self.depthLimit) parentheses and nots inside each other")
    }
    if takeKeyword("not") { return .not(try unary()) }
    if takeSign("(") {
      let inner = try or()
      try expectSign(")")
      return inner
    }
    return try test()
  }

  private mutating func test() throws(ExpressionError) -> Predicate {
    tests += 1
    guard tests <= Self.testLimit else {
      throw error("more than \(Self.testLimit) conditions; 'in (...)' takes a list")
    }
    if takeKeyword("exists") {
      let isParenthesized = takeSign("(")
      let field = try use(as: .value)
      if isParenthesized { try expectSign(")") }
      return .exists(field)
    }
    let position = uses.count
    let field = try use(as: .value)
    if takeKeyword("is") {
      let isNegated = takeKeyword("not")
      guard takeKeyword("null") else { throw error("expected 'null' after 'is', found \(token.found)") }
      return isNegated ? .exists(field) : .not(.exists(field))
    }
    let isNegated = takeKeyword("not")
    if takeKeyword("in") {
      let literals = try list(position)
      return isNegated ? .not(.isIn(field, literals)) : .isIn(field, literals)
    }
    guard !isNegated else { throw error("expected 'in' after 'not', found \(token.found)") }
    let comparison = try comparison(after: field)
    let isOrdered = comparison != .equal && comparison != .notEqual
    return .compare(field, comparison, try value(position, isOrdered: isOrdered))
  }

  private mutating func comparison(after field: Field) throws(ExpressionError) -> Predicate.Comparison {
    guard case .sign(let sign) = token.kind, let comparison = Predicate.Comparison(rawValue: sign == "<>" ? "!=" : sign)
    else {
      for word in ["like", "between", "contains", "matches", "ilike", "regexp"] where token.isKeyword(word) {
        throw error("there is no '\(word)'; conditions are = != < <= > >=, in (...), exists, is null, and, or, not")
      }
      throw error("expected a comparison (= != < <= > >= in is) after '\(field)', found \(token.found)")
    }
    index += 1
    return comparison
  }

  private mutating func list(_ position: Int) throws(ExpressionError) -> [Literal] {
    try expectSign("(")
    var literals = [try value(position, isOrdered: false)]
    while takeSign(",") { literals.append(try value(position, isOrdered: false)) }
    try expectSign(")")
    return literals
  }

  /// A literal to compare the field of that use with.
  private mutating func value(_ position: Int, isOrdered: Bool) throws(ExpressionError) -> Literal {
    let token = token
    switch token.kind {
    case .text(let text):
      // Missing, null and '' are one value, and no comparison with a missing value is true.
      guard !text.isEmpty else { throw error("nothing equals '': missing, null and '' are one; use 'is null'") }
      index += 1
      uses[position].role = .comparedWithText
      return .text(text)
    case .number(let digits):
      switch Literal.number(parsing: digits) {
      case .success(let literal):
        index += 1
        uses[position].role = .number
        return literal
      case .failure(let problem): throw error(problem.message)
      }
    case .name(let name) where token.isKeyword("true") || token.isKeyword("false"):
      guard !isOrdered else { throw error("true and false have no order; use = or !=") }
      index += 1
      uses[position].role = .comparedWithBoolean
      return .boolean(name.lowercased() == "true")
    case .name where token.isKeyword("null"):
      throw error("a comparison with null is never true; use 'is null' or 'is not null'")
    case .name(let name):
      throw error("expected a value, found \(token.found); text goes in single quotes: '\(name)'")
    case .sign, .end:
      throw error("expected a value ('text', a number, true or false), found \(token.found)")
    }
  }

  // What measures need too.

  var token: ExpressionToken { tokens[index] }

  func error(_ message: String) -> ExpressionError { ExpressionError(offset: token.offset, message: message) }

  mutating func advance() { index += 1 }

  mutating func end() throws(ExpressionError) {
    guard token.kind == .end else { throw error("unexpected \(token.found)\(endHint)") }
  }

  private var endHint: String { token.kind == .sign(")") ? "; there is no '(' for it" : "" }

  mutating func takeKeyword(_ keyword: String) -> Bool {
    guard token.isKeyword(keyword) else { return false }
    index += 1
    return true
  }

  mutating func takeSign(_ sign: String) -> Bool {
    guard token.kind == .sign(sign) else { return false }
    index += 1
    return true
  }

  mutating func expectSign(_ sign: String) throws(ExpressionError) {
    guard takeSign(sign) else { throw error("expected '\(sign)', found \(token.found)") }
  }

  /// A field of the event, remembered in `uses`.
  mutating func use(as role: FieldUse.Role) throws(ExpressionError) -> Field {
    guard case .name(let name) = token.kind, !Self.keywords.contains(name.lowercased()) else {
      throw error("expected a field, found \(token.found)")
    }
    let path = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard !path.contains("") else { throw error("'\(name)' has an empty name between its dots") }
    guard path.count <= 16 else { throw error("'\(path[0])…' is more than 16 names deep") }
    let field = Field(path: path)
    uses.append(FieldUse(field: field, role: role, offset: token.offset))
    index += 1
    return field
  }

  private static let keywords: Set<String> = [
    "and", "or", "not", "in", "is", "null", "exists", "true", "false", "where",
  ]
}
