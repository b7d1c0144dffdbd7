/// One word of an expression: `where`, a field, a number, a 'text' or a sign.
struct ExpressionToken: Equatable {
  enum Kind: Equatable {
    /// A field, keyword or function, as written.
    case name(String)
    case number(String)
    /// Without its quotes.
    case text(String)
    case sign(String)
    case end
  }

  var kind: Kind
  /// In code points from the start of the expression.
  var offset: Int

  /// What a message says it found.
  var found: String {
    switch kind {
    case .name(let text), .number(let text), .sign(let text): "'\(text)'"
    case .text(let text): "the text '\(text)'"
    case .end: "the end"
    }
  }

  /// Whether this is the keyword, in any case.
  func isKeyword(_ keyword: String) -> Bool {
    if case .name(let name) = kind { name.lowercased() == keyword } else { false }
  }
}
