/// One mapping of a settings file, read key by key. Every reader reports what is wrong with its key and then returns
/// nil, as for a key that is not there; `finish` reports the keys nobody asked for.
public final class Section {
  public let place: Place
  public let problems: Problems
  private let path: [String]
  private let entries: [YAML.Node.Entry]
  private let overrides: Overrides?
  /// False when what stands here is not a mapping, which was said: then nothing is missing from it.
  private let isMapping: Bool
  private var asked: [String] = []

  /// - Parameter path: The keys that lead here; the last one is how messages call this mapping.
  public init(_ node: YAML.Node, path: [String] = [], problems: Problems, overrides: Overrides? = nil) {
    place = node.place
    self.path = path
    self.problems = problems
    self.overrides = overrides
    if case .mapping(let entries) = node.content {
      self.entries = entries
      isMapping = true
    } else {
      entries = []
      isMapping = false
      if node.content != .refused {
        problems.add(
          node.place, "expected \(path.last.map { "'\($0)' to be " } ?? "")a mapping (key: value), found \(node.kind)")
      }
    }
  }

  /// The value of a key, from the environment or else the file.
  public func node(_ key: String) -> YAML.Node? {
    asked.append(key)
    if let value = overrides?.node(for: path + [key]) { return value }
    guard let value = entries.first(where: { $0.key == key })?.value, value.content != .refused else { return nil }
    guard !value.isEmpty else {
      problems.add(value.place, "'\(key)' has no value")
      return nil
    }
    return value
  }

  /// As `node`, and reports a key that is missing.
  public func required(_ key: String) -> YAML.Node? {
    if isMapping, !entries.contains(where: { $0.key == key }) {
      let closest = Suggestion.closest(to: key, among: entries.map(\.key))
      // A misspelt key is reported by `finish`, where it stands.
      if closest == nil { problems.add(place, "'\(key)' is missing\(path.last.map { " from '\($0)'" } ?? "")") }
    }
    return node(key)
  }

  /// A mapping inside this one; an empty one when the key is not there, so that the environment can fill it.
  public func section(_ key: String) -> Section {
    asked.append(key)
    let value = entries.first { $0.key == key }?.value
    let node = value.flatMap { $0.isEmpty ? nil : $0 } ?? YAML.Node(.mapping([]), place)
    return Section(node, path: path + [key], problems: problems, overrides: overrides)
  }

  public func report(_ place: Place, _ message: String) { problems.add(place, message) }

  /// Whether the file has the key.
  public func has(_ key: String) -> Bool { entries.contains { $0.key == key } }

  /// All entries of a mapping whose keys are names the user chose.
  public func all() -> [YAML.Node.Entry] {
    asked += entries.map(\.key)
    return entries.filter { $0.value.content != .refused }
  }

  /// Reports unknown keys, with what was probably meant.
  public func finish() {
    for entry in entries where !asked.contains(entry.key) {
      // Of those that are missing, unless only one that is there is like it.
      let missing = asked.filter { name in !entries.contains { $0.key == name } }
      let candidates =
        Suggestion.closest(to: entry.key, among: missing) == nil
          && Suggestion.closest(to: entry.key, among: asked) != nil ? [] : missing
      let inside = path.last.map { " in '\($0)'" } ?? ""
      let hint = Suggestion.hint(for: entry.key, among: candidates.isEmpty ? asked : candidates)
      problems.add(entry.place, "unknown key '\(entry.key)'\(inside)\(hint)")
    }
  }
}
