/// Environment variables that stand in for keys of a file: `MILLRACE_LOG_EMBEDDED_PATH` for `log.embedded.path`.
public final class Overrides {
  private static let prefix = "MILLRACE_"

  private let values: [String: String]
  /// The key that commands show to a server is nothing of the configuration, and is no mistake.
  private var known: Set<String> = ["MILLRACE_KEY"]

  public init(_ environment: [String: String]) {
    values = environment.filter { $0.key.hasPrefix(Overrides.prefix) }
  }

  /// The value given for a key, as if it had been quoted text in the file.
  func node(for path: [String]) -> YAML.Node? {
    let name = Overrides.name(of: path)
    known.insert(name)
    guard let value = values[name] else { return nil }
    return YAML.Node(.scalar(value, quoted: true), .variable(name))
  }

  /// One line for each variable that no key asked for. To be read when everything was.
  public var warnings: [String] {
    // Compared without the prefix, which would make any two names look alike.
    let candidates = known.map { String($0.dropFirst(Overrides.prefix.count)) }.sorted()
    return values.keys.filter { !known.contains($0) }.sorted().map { name in
      let closest = Suggestion.closest(to: String(name.dropFirst(Overrides.prefix.count)), among: candidates)
      return "\(name): no such setting\(closest.map { "; did you mean '\(Overrides.prefix)\($0)'?" } ?? "")"
    }
  }

  static func name(of path: [String]) -> String { prefix + path.joined(separator: "_").uppercased() }
}
