extension Section {
  public func text(_ key: String) -> String? { node(key).flatMap { text($0, key) } }

  public func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
    guard let value = node(key), let text = text(value, key) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      return wrong(value, "'\(key)' is a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
    }
    return number
  }

  public func bool(_ key: String) -> Bool? {
    guard let value = node(key), let text = text(value, key) else { return nil }
    switch text {
    case "true": return true
    case "false": return false
    default: return wrong(value, "'\(key)' is true or false, not '\(text)'")
    }
  }

  /// Milliseconds, more than 0.
  public func duration(_ key: String) -> Int64? { node(key).flatMap { duration($0, key) } }

  public func retention(_ key: String) -> Retention? { node(key).flatMap { retention($0, key) } }

  public func size(_ key: String) -> Size? {
    guard let value = node(key), let text = text(value, key) else { return nil }
    return Size(text)
      ?? wrong(value, "'\(key)' is a size such as 64MiB or 2GB (KiB MiB GiB KB MB GB), or 25%, not '\(text)'")
  }

  /// The items of a list; a single value is a list of one. From the environment, separated by commas.
  public func list(_ key: String) -> [YAML.Node]? {
    guard let value = node(key) else { return nil }
    switch value.content {
    case .sequence(let items):
      return items.filter { $0.content != .refused }
    case .scalar(let text, _):
      guard case .variable = value.place else { return [value] }
      return text.split(separator: ",").map {
        YAML.Node(.scalar(String($0.drop { $0 == " " }), quoted: true), value.place)
      }
    case .mapping, .refused:
      return wrong(value, "'\(key)' is a value or a list of values, not \(value.kind)")
    }
  }

  /// The text of a value that is not the direct value of a key here, as an item of a list.
  public func text(_ value: YAML.Node, _ key: String) -> String? {
    switch value.content {
    case .scalar(let text, let quoted): return text.isEmpty && !quoted ? wrong(value, "'\(key)' has no value") : text
    case .refused: return nil
    case .sequence, .mapping: return wrong(value, "'\(key)' is one value, not \(value.kind)")
    }
  }

  public func duration(_ value: YAML.Node, _ key: String) -> Int64? {
    guard let text = text(value, key) else { return nil }
    guard text != "forever" else { return wrong(value, "'\(key)' cannot be forever") }
    guard let milliseconds = Durations.parse(text) else {
      return wrong(value, "'\(key)' is a duration such as 30m, 72h or 90d (units ms s m h d w y), not '\(text)'")
    }
    return milliseconds > 0 ? milliseconds : wrong(value, "'\(key)' must be more than 0")
  }

  public func retention(_ value: YAML.Node, _ key: String) -> Retention? {
    if case .scalar("forever", _) = value.content { return .forever }
    guard let text = text(value, key) else { return nil }
    guard let milliseconds = Durations.parse(text) else {
      return wrong(
        value, "'\(key)' is a duration such as 7d, 90d or 3y (units ms s m h d w y), or forever, not '\(text)'")
    }
    return milliseconds > 0 ? .milliseconds(milliseconds) : wrong(value, "'\(key)' must be more than 0")
  }

  private func wrong<T>(_ value: YAML.Node, _ message: String) -> T? {
    problems.add(value.place, message)
    return nil
  }
}
