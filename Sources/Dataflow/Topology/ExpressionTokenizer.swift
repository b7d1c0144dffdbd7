/// Splits an expression into words. Where a character stands decides what it is, so the rest of the text does not matter.
struct ExpressionTokenizer {
  /// Longer expressions are machine-made, and what is parsed recursively must end.
  static let lengthLimit = 8_192

  private let scalars: [Unicode.Scalar]
  private var index = 0

  static func tokens(of text: String) throws(ExpressionError) -> [ExpressionToken] {
    var tokenizer = ExpressionTokenizer(scalars: Array(text.unicodeScalars.prefix(lengthLimit + 1)))
    guard tokenizer.scalars.count <= lengthLimit else {
      throw ExpressionError(offset: 0, message: "longer than \(lengthLimit) characters")
    }
    var tokens: [ExpressionToken] = []
    repeat { tokens.append(try tokenizer.next()) } while tokens.last?.kind != .end
    return tokens
  }

  private mutating func next() throws(ExpressionError) -> ExpressionToken {
    while let scalar = peek(), scalar.properties.isWhitespace { index += 1 }
    let start = index
    guard let first = peek() else { return ExpressionToken(kind: .end, offset: start) }
    if first == "'" { return ExpressionToken(kind: .text(try text()), offset: start) }
    if Self.isDigit(first) || (first == "-" && peek(1).map(Self.isDigit) == true) {
      return ExpressionToken(kind: .number(take { Self.isName($0) }), offset: start)
    }
    if Self.isName(first), first != "-" {
      return ExpressionToken(kind: .name(take { Self.isName($0) }), offset: start)
    }
    return ExpressionToken(kind: .sign(try sign(first)), offset: start)
  }

  private mutating func text() throws(ExpressionError) -> String {
    let start = index
    var text = String.UnicodeScalarView()
    index += 1
    while let scalar = peek() {
      index += 1
      guard scalar == "'" else {
        text.append(scalar)
        continue
      }
      guard peek() == "'" else { return String(text) }
      text.append(scalar)
      index += 1
    }
    throw ExpressionError(
      offset: start, message: "the text that begins here has no closing quote (in YAML, ' #' begins a comment)")
  }

  private mutating func sign(_ first: Unicode.Scalar) throws(ExpressionError) -> String {
    let pair = peek(1).map { "\(first)\($0)" } ?? ""
    let advice: String? =
      switch (first, pair) {
      case (_, "=="): "equality is one '='"
      case (_, "&&"): "write 'and'"
      case (_, "||"): "write 'or'"
      case ("\"", _), ("`", _), ("\u{2018}", _), ("\u{2019}", _): "text goes in single quotes, 'like this'"
      case ("!", _) where pair != "!=": "write 'not'"
      case ("+", _), ("*", _), ("/", _), ("%", _): "there is no arithmetic"
      default: nil
      }
    if let advice { throw ExpressionError(offset: index, message: "unexpected '\(first)'; \(advice)") }
    if ["!=", "<>", "<=", ">="].contains(pair) {
      index += 2
      return pair
    }
    guard ["=", "<", ">", "(", ")", ","].contains(first) else {
      throw ExpressionError(offset: index, message: "unexpected \(Self.shown(first))")
    }
    index += 1
    return String(first)
  }

  private mutating func take(while accepted: (Unicode.Scalar) -> Bool) -> String {
    var text = String.UnicodeScalarView()
    while let scalar = peek(), accepted(scalar) {
      text.append(scalar)
      index += 1
    }
    return String(text)
  }

  private func peek(_ distance: Int = 0) -> Unicode.Scalar? {
    index + distance < scalars.count ? scalars[index + distance] : nil
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

  private static func isName(_ scalar: Unicode.Scalar) -> Bool {
    isDigit(scalar) || scalar == "_" || scalar == "-" || scalar == "$" || scalar == "."
      || scalar.properties.isAlphabetic
      || scalar.properties.generalCategory == .nonspacingMark
  }

  private static func shown(_ scalar: Unicode.Scalar) -> String {
    scalar.isASCII && (scalar.value < 32 || scalar.value == 127)
      ? "character U+\(String(scalar.value, radix: 16, uppercase: true))" : "'\(scalar)'"
  }
}
