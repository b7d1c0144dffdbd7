import Basics
import Settings

/// How the rows of an answer are written.
enum AnswerFormat: String, CaseIterable {
  case json
  /// An array of objects without nesting, as table panels read them.
  case flat
  case csv
  case ndjson

  var mediaType: String {
    switch self {
    case .json, .flat: "application/json"
    case .csv: "text/csv; charset=utf-8"
    case .ndjson: "application/x-ndjson"
    }
  }

  /// - Errors: `.invalid` naming the parameter.
  static func named(_ text: String) throws(Failure) -> AnswerFormat {
    if let format = AnswerFormat(rawValue: text) { return format }
    throw .invalid(
      "format: there is no \(NamedValues.shown(text))\(Suggestion.hint(for: text, among: allCases.map(\.rawValue)))")
  }

  /// What an `Accept` header likes best; nil when it takes none of them.
  static func accepted(_ header: String?) -> AnswerFormat? {
    guard let header, !header.isEmpty else { return .json }
    let ranges = header.split(separator: ",").map { AnswerFormat.range($0) }
    var best: (format: AnswerFormat, quality: Double)?
    for (format, names) in [
      (AnswerFormat.json, ["application/json", "application/*", "*/*"]),
      (.ndjson, ["application/x-ndjson", "application/*", "*/*"]), (.csv, ["text/csv", "text/*", "*/*"]),
    ] {
      // The narrowest range that names it counts.
      let quality = names.lazy.compactMap { name in ranges.last { $0.name == name }?.quality }.first ?? 0
      if quality > 0, quality > best?.quality ?? 0 { best = (format, quality) }
    }
    return best?.format
  }

  private static func range(_ text: Substring) -> (name: String, quality: Double) {
    let parts = text.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
    let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) }
    return (parts.first ?? "", quality ?? 1)
  }
}
