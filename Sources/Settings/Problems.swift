import Basics

/// What is wrong with one settings file, collected so that all of it is said at once.
public final class Problems {
  /// A file of garbage should not scroll the first, useful message away.
  private static let limit = 50

  public let file: String
  private var found: [(place: Place, message: String)] = []

  public init(file: String) { self.file = file }

  public var isEmpty: Bool { found.isEmpty }

  public func add(_ place: Place, _ message: String) {
    guard !found.contains(where: { $0.place == place && $0.message == message }) else { return }
    found.append((place, message))
  }

  /// `file:line:column: what is wrong`, in file order, then the environment's.
  public var lines: [String] {
    // The index keeps the order of problems at one place: the first one found is the cause.
    let sorted = found.enumerated().sorted { a, b in
      let (first, second) = (Self.order(a.element.place), Self.order(b.element.place))
      return first == second ? a.offset < b.offset : first < second
    }
    return sorted.map { line(at: $0.element.place, $0.element.message) }
  }

  /// Throws one `.invalid` with a problem per line, or does nothing.
  public func throwIfAny() throws(Failure) {
    guard !isEmpty else { return }
    let lines = lines
    let rest = lines.count - Self.limit
    let shown = rest > 0 ? lines.prefix(Self.limit) + ["\(file): and \(rest) more"] : lines[...]
    throw .invalid(shown.joined(separator: "\n"))
  }

  private func line(at place: Place, _ message: String) -> String {
    switch place {
    case .file(let line, let column): "\(file):\(line):\(column): \(message)"
    case .variable(let name): "\(name): \(message)"
    }
  }

  private static func order(_ place: Place) -> (Int, Int, String) {
    switch place {
    case .file(let line, let column): (line, column, "")
    case .variable(let name): (Int.max, 0, name)
    }
  }
}
