import Settings

/// What can be said of a field before any event was seen: the event's own names, and which of them are text.
enum Envelope {
  static let texts = ["event_type", "user_id", "anonymous_id", "session_id", "event_id"]
  static let objects = ["device", "geo", "page", "properties"]
  /// Numbers a session has of its own; every other field of it is its first event's.
  static let sessionNumbers = ["start", "duration", "events"]

  /// Why the field cannot be used so, or nil.
  static func problem(with use: FieldUse, of subject: RollupDefinition.Subject) -> String? {
    let (path, field) = (use.field.path, use.field)
    let first = path[0]
    if sessionNumbers.contains(first), path.count == 1 {
      guard subject == .sessions else { return "only sessions have '\(field)' (of: sessions)" }
      switch use.role {
      case .comparedWithText: return "'\(field)' is a number of the session, not text"
      case .comparedWithBoolean: return "'\(field)' is a number of the session, not true or false"
      case .value, .number: return nil
      }
    }
    if objects.contains(first) {
      return path.count > 1 ? nil : "'\(first)' is an object; name a field in it, as \(first).\(example(of: first))"
    }
    if texts.contains(first) {
      guard path.count == 1 else { return "'\(first)' is text; there is no '\(field)'" }
      switch use.role {
      case .number: return "'\(field)' is text, not a number\(quotes)"
      case .comparedWithBoolean: return "'\(field)' is text, not true or false\(quotes)"
      case .value, .comparedWithText: return nil
      }
    }
    return unknown(field)
  }

  private static var quotes: String { "; a value to compare it with stands in single quotes" }

  private static func unknown(_ field: Field) -> String {
    let path = field.path
    if path == ["timestamp"] { return "'timestamp' decides the time bucket and cannot be used as a field" }
    let candidates = path.count > 1 ? objects : texts
    if let name = Suggestion.closest(to: path[0], among: candidates) {
      return "there is no field '\(field)'; did you mean '\(([name] + path.dropFirst()).joined(separator: "."))'?"
    }
    return "there is no field '\(field)'; an event has \(texts.joined(separator: ", ")) and what is in "
      + "\(objects.joined(separator: ", ")), as properties.\(path[path.count - 1])"
  }

  private static func example(of object: String) -> String {
    switch object {
    case "device": "type"
    case "geo": "country"
    case "page": "path"
    default: "amount"
    }
  }
}
