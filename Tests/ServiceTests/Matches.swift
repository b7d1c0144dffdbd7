import Foundation

/// All matches of a regular expression, in order.
func matches(_ pattern: String, _ text: String) -> [String] {
  let expression = try! NSRegularExpression(pattern: pattern)
  return expression.matches(in: text, range: NSRange(text.startIndex..., in: text)).map {
    String(text[Range($0.range, in: text)!])
  }
}
