/// A field, where an expression names it, and what is done with it there. Lets the schema judge fields with places.
struct FieldUse: Equatable {
  enum Role: Equatable {
    /// Grouped by, or asked whether it is there: any value will do.
    case value
    /// Summed, or compared with a number.
    case number
    case comparedWithText
    case comparedWithBoolean
  }

  var field: Field
  var role: Role
  /// In code points from the start of the expression.
  var offset: Int
}
