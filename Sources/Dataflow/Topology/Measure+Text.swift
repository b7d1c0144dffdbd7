import Basics

extension Measure: CustomStringConvertible {
  /// From text such as `sum(properties.amount, scale=2) where event_type = 'purchase'`.
  ///
  /// - Errors: `.invalid` with the column, counted from 1. Whether the fields exist is for the caller to say.
  public static func parse(name: String, _ text: String) throws(Failure) -> Measure {
    do {
      var parser = try ExpressionParser(text)
      return try parser.wholeMeasure(named: name)
    } catch {
      throw .invalid("column \(error.offset + 1): \(error.message)")
    }
  }

  /// Text that parses to an equal measure of the same name.
  public var description: String {
    let scale = scale.map { ", scale=\($0)" } ?? ""
    let function =
      switch function {
      case .count: "count"
      case .distinct: "distinct(user_id)"
      case .sum(let field): "sum(\(field)\(scale))"
      case .avg(let field): "avg(\(field))"
      case .min(let field): "min(\(field)\(scale))"
      case .max(let field): "max(\(field)\(scale))"
      case .quantile(let field, let millionths): "quantile(\(field), \(Measure.decimal(millionths)))"
      }
    return filter.map { "\(function) where \($0)" } ?? function
  }

  private static func decimal(_ millionths: Int) -> String {
    var digits = String(1_000_000 + millionths).dropFirst()
    while digits.hasSuffix("0") { digits.removeLast() }
    return "0.\(digits)"
  }
}
