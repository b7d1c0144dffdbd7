import Settings

///     measure  = function ["where" or]
///     function = "count" | "sum" "(" field [scale] ")" | "avg" "(" field ")" | "min" … | "max" …
///              | "distinct" "(" "user_id" ")" | "quantile" "(" field "," number ")"
///     scale    = "," "scale" "=" digit
extension ExpressionParser {
  private static let functions = ["count", "sum", "avg", "min", "max", "distinct", "quantile"]

  /// A measure, up to the end of the text.
  mutating func wholeMeasure(named name: String) throws(ExpressionError) -> Measure {
    var measure = try function(named: name)
    if takeKeyword("where") { measure.filter = try wholePredicate() }
    guard token.kind == .end else { throw error("expected 'where' or nothing more, found \(token.found)") }
    return measure
  }

  private mutating func function(named name: String) throws(ExpressionError) -> Measure {
    guard case .name(let written) = token.kind, Self.functions.contains(written.lowercased()) else {
      guard case .name(let written) = token.kind else {
        throw error("expected a measure (\(Self.functions.joined(separator: ", "))), found \(token.found)")
      }
      throw error("there is no measure '\(written)'\(Suggestion.hint(for: written, among: Self.functions))")
    }
    let function = written.lowercased()
    advance()
    guard function != "count" else {
      if token.kind == .sign("(") { throw error("count takes no field: 'count', or 'count where exists FIELD'") }
      return Measure(name: name, function: .count)
    }
    try expectSign("(")
    switch function {
    case "distinct":
      guard token.isKeyword("user_id") else {
        throw error("distinct counts users, exactly: distinct(user_id), not \(token.found)")
      }
      advance()
      try expectSign(")")
      return Measure(name: name, function: .distinct)
    case "quantile":
      let field = try use(as: .number)
      guard takeSign(",") else { throw error("quantile needs which one: quantile(\(field), 0.95)") }
      let millionths = try quantile()
      try expectSign(")")
      return Measure(name: name, function: .quantile(field, millionths: millionths))
    default:
      let field = try use(as: .number)
      if function == "avg", token.kind == .sign(",") { throw error("avg takes a field only: avg(\(field))") }
      let scale = takeSign(",") ? try scale() : nil
      try expectSign(")")
      let function: Measure.Function =
        switch function {
        case "sum": .sum(field)
        case "avg": .avg(field)
        case "min": .min(field)
        default: .max(field)
        }
      return Measure(name: name, function: function, scale: scale)
    }
  }

  private mutating func scale() throws(ExpressionError) -> Int {
    guard takeKeyword("scale") else { throw error("expected 'scale=2', found \(token.found)") }
    try expectSign("=")
    guard case .number(let digits) = token.kind, let scale = Int(digits), (0...9).contains(scale) else {
      throw error("scale is from 0 to 9 digits after the point, not \(token.found)")
    }
    advance()
    return scale
  }

  private mutating func quantile() throws(ExpressionError) -> Int {
    guard case .number(let digits) = token.kind, case .success(.number(let value)) = Literal.number(parsing: digits)
    else {
      throw error("expected a number between 0 and 1 such as 0.95, found \(token.found)")
    }
    let (millionths, rest) = value.quotientAndRemainder(dividingBy: 2_000_000_000_000)
    guard (1..<1_000_000).contains(millionths), rest == 0 else {
      throw error("a quantile is between 0 and 1, with at most 6 digits after the point, not \(digits)")
    }
    advance()
    return Int(millionths)
  }
}
