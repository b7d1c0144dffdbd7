extension Literal: CustomStringConvertible {
  /// Twice 10^18, so that a half stays free for digits that were cut: see `Projection.Kind.exact`.
  private static let one: Int128 = 2_000_000_000_000_000_000

  /// From decimal digits with an optional sign and point.
  static func number(parsing text: String) -> Result<Literal, ExpressionError> {
    func wrong(_ message: String) -> Result<Literal, ExpressionError> {
      .failure(ExpressionError(offset: 0, message: message))
    }
    let isNegative = text.hasPrefix("-")
    let parts = text.dropFirst(isNegative ? 1 : 0).split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }) else {
      return wrong("'\(text)' is not a number such as 100, -3 or 0.25")
    }
    let fraction = parts.count == 2 ? parts[1] : ""
    guard fraction.utf8.count <= 18 else { return wrong("'\(text)' has more than 18 digits after the point") }
    let whole = parts[0].drop { $0 == "0" }
    guard whole.utf8.count <= 15 else { return wrong("'\(text)' is too large: numbers are below 10^15") }
    let digits = whole + fraction + String(repeating: "0", count: 18 - fraction.utf8.count)
    let magnitude = digits.utf8.reduce(Int128(0)) { $0 * 10 + Int128($1 - 48) }
    return .success(.number((isNegative ? -magnitude : magnitude) * 2))
  }

  /// As an expression has it.
  public var description: String {
    switch self {
    case .text(let text): return Literal.quoted(text)
    case .boolean(let value): return value ? "true" : "false"
    case .number(let number):
      let (whole, rest) = number.magnitude.quotientAndRemainder(dividingBy: Literal.one.magnitude)
      let sign = number < 0 ? "-" : ""
      guard rest != 0 else { return "\(sign)\(whole)" }
      let digits = String(rest / 2)
      var fraction = String(repeating: "0", count: 18 - digits.count) + digits
      while fraction.hasSuffix("0") { fraction.removeLast() }
      return "\(sign)\(whole).\(fraction)"
    }
  }

  /// In single quotes, those inside doubled.
  static func quoted(_ text: String) -> String {
    var result = "'"
    for scalar in text.unicodeScalars {
      if scalar == "'" { result += "'" }
      result.unicodeScalars.append(scalar)
    }
    return result + "'"
  }
}
