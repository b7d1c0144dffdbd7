import Basics
import Settings

/// Names and text values, as a URL's query or a command's options bring them: each known, each at most once. An empty value
/// is as good as none.
struct NamedValues {
  private var values: [String: String] = [:]

  /// - Errors: `.invalid` naming the first parameter that is unknown or repeated.
  init(_ items: [(name: String, value: String)], known: [String]) throws(Failure) {
    for (name, value) in items {
      guard known.contains(name) else {
        throw .invalid("there is no parameter \(NamedValues.shown(name))\(Suggestion.hint(for: name, among: known))")
      }
      guard !value.isEmpty else { continue }
      guard values.updateValue(value, forKey: name) == nil else { throw .invalid("\(name) is given twice") }
    }
  }

  subscript(name: String) -> String? { values[name] }

  /// Those that are given, by name.
  var sorted: [(name: String, value: String)] { values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }

  func time(_ name: String, timezone: String) throws(Failure) -> Int64? {
    guard let text = values[name] else { return nil }
    guard let time = TimeBound.parse(text, timezone: timezone) else {
      throw .invalid(
        "\(name): \(NamedValues.shown(text)) is not a time such as 2026-03-01T12:00:00Z or a date such as 2026-03-01"
          + (text.contains(" ") ? " (a + in a URL is written %2B)" : ""))
    }
    return time
  }

  /// Both bounds of a range.
  func range(timezone: String) throws(Failure) -> (start: Int64?, end: Int64?) {
    let start = try time("start_time", timezone: timezone)
    let end = try time("end_time", timezone: timezone)
    if let start, let end, start >= end {
      throw .invalid("start_time is not before end_time: rows from start_time on and before end_time are shown")
    }
    return (start, end)
  }

  static func hint(for name: String, _ known: [String]) -> String { Suggestion.hint(for: name, among: known) }

  /// For a message: quoted, and not longer than a line takes.
  static func shown(_ text: String) -> String { "'\(text.count > 60 ? text.prefix(60) + "…" : text)'" }
}
