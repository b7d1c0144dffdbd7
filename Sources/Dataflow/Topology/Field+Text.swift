import Basics

extension Field {
  /// From text such as `geo.country`, with the rules of fields in expressions.
  ///
  /// - Errors: `.invalid` with the column, counted from 1. Whether the field exists is for the caller to say.
  public static func parse(_ text: String) throws(Failure) -> Field {
    do {
      return try parsing(text).field
    } catch {
      throw .invalid("column \(error.offset + 1): \(error.message)")
    }
  }

  static func parsing(_ text: String) throws(ExpressionError) -> FieldUse {
    var parser = try ExpressionParser(text)
    _ = try parser.use(as: .value)
    try parser.end()
    return parser.uses[0]
  }
}
