/// What is wrong with an expression, and at which of its code points, counted from 0.
struct ExpressionError: Error, Equatable {
  var offset: Int
  var message: String
}
