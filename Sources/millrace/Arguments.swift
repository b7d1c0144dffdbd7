import Basics
import Settings

/// What a verb takes on the command line.
struct CommandSyntax {
  struct Option {
    enum Kind {
      case flag
      case value(String)
      /// Takes everything up to the next option.
      case values(String)
    }

    var name: String
    var kind: Kind
    var help: String

    static func flag(_ name: String, _ help: String) -> Option { Option(name: name, kind: .flag, help: help) }
    static func value(_ name: String, _ value: String, _ help: String) -> Option {
      Option(name: name, kind: .value(value), help: help)
    }
    static func values(_ name: String, _ value: String, _ help: String) -> Option {
      Option(name: name, kind: .values(value), help: help)
    }
  }

  /// What every verb takes.
  static let common = [
    Option.value("log-level", "LEVEL", "what is said on standard error: error, warning or info (default)")
  ]

  var verb: String
  /// Names of positional arguments for the help: `TOPOLOGY.yaml`.
  var positional: [String] = []
  var summary: String
  var options: [Option] = []
  var examples: [String] = []
  /// 1 is an answer, as of diff(1): whatever goes wrong is 2.
  var failureIsTwo = false

  var help: String {
    var lines = ["millrace \(([verb] + positional).joined(separator: " ")) [options]", "", summary]
    let options = options + CommandSyntax.common
    lines += ["", "Options:"]
    let names = options.map { option in
      switch option.kind {
      case .flag: "--\(option.name)"
      case .value(let value): "--\(option.name) \(value)"
      case .values(let value): "--\(option.name) \(value)..."
      }
    }
    let width = (names.map(\.count).max() ?? 0) + 2
    for (option, name) in zip(options, names) {
      lines.append("  \(name)\(String(repeating: " ", count: width - name.count))\(option.help)")
    }
    lines += ["", examples.count == 1 ? "Example:" : "Examples:"] + examples.map { "  \($0)" }
    return lines.joined(separator: "\n") + "\n"
  }
}

/// Arguments taken apart: options may stand before or after positional ones.
struct Arguments {
  private(set) var positional: [String] = []
  private var flags: Set<String> = []
  private var values: [String: [String]] = [:]
  var wantsHelp = false

  /// - Errors: `.invalid` for an unknown option (with the nearest one), a missing value, or too many arguments.
  init(_ words: [String], _ syntax: CommandSyntax, positionalLimit: Int? = nil) throws(Failure) {
    var index = 0
    let options = syntax.options + CommandSyntax.common
    func isOption(_ word: String) -> Bool { word.hasPrefix("--") && word.count > 2 }
    while index < words.count {
      let word = words[index]
      index += 1
      if word == "--help" || word == "-h" {
        wantsHelp = true
        continue
      }
      guard isOption(word) else {
        positional.append(word)
        continue
      }
      var name = String(word.dropFirst(2))
      var inline: String?
      if let equals = name.firstIndex(of: "=") {
        inline = String(name[name.index(after: equals)...])
        name = String(name[..<equals])
      }
      guard let option = options.first(where: { $0.name == name }) else {
        let hint = Suggestion.hint(for: "--\(name)", among: options.map { "--\($0.name)" })
        throw .invalid("unknown option --\(name)\(hint); see 'millrace \(syntax.verb) --help'")
      }
      switch option.kind {
      case .flag:
        guard inline == nil else { throw .invalid("--\(name) takes no value") }
        flags.insert(name)
      case .value(let what):
        if inline == nil, index < words.count, !isOption(words[index]) {
          inline = words[index]
          index += 1
        }
        guard let inline else { throw .invalid("--\(name) needs a value: --\(name) \(what)") }
        values[name] = [inline]
      case .values(let what):
        var list = inline.map { [$0] } ?? []
        while index < words.count, !isOption(words[index]) {
          list.append(words[index])
          index += 1
        }
        guard !list.isEmpty else { throw .invalid("--\(name) needs at least one value: --\(name) \(what)") }
        values[name, default: []] += list
      }
    }
    if wantsHelp { return }
    let limit = positionalLimit ?? syntax.positional.count
    guard positional.count <= limit else {
      throw .invalid(
        "'\(positional[limit])' is one argument too many for 'millrace \(syntax.verb)'; see 'millrace \(syntax.verb) --help'"
      )
    }
  }

  func has(_ flag: String) -> Bool { flags.contains(flag) }
  func text(_ name: String) -> String? { values[name]?.last }
  func list(_ name: String) -> [String]? { values[name] }

  func required(_ index: Int, _ name: String, verb: String) throws(Failure) -> String {
    guard index < positional.count else { throw .invalid("\(name) is missing; see 'millrace \(verb) --help'") }
    return positional[index]
  }

  func integer(_ name: String, in range: ClosedRange<Int>) throws(Failure) -> Int? {
    guard let text = text(name) else { return nil }
    guard let value = Int(text), range.contains(value) else {
      throw .invalid("--\(name) takes a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
    }
    return value
  }

  func duration(_ name: String) throws(Failure) -> Int64? {
    guard let text = text(name) else { return nil }
    guard let value = Durations.parse(text) else {
      throw .invalid("--\(name) takes a duration such as 500ms, 30s, 15m or 24h, not '\(text)'")
    }
    return value
  }

  func time(_ name: String) throws(Failure) -> Int64? {
    guard let text = text(name) else { return nil }
    guard let time = Timestamp(text) else {
      throw .invalid("--\(name) takes a time such as 2026-03-01T12:00:00Z or 2026-03-01, not '\(text)'")
    }
    return time.milliseconds
  }
}
