import Basics
import Glibc
import Synchronization

/// Standard output and error: results on the one, everything said about them on the other.
enum Console {
  /// One object on one line is all there is on standard output with `--json`.
  static func print(_ text: String) { write(1, text + "\n") }

  /// How much is said on standard error.
  enum Level: String, CaseIterable, Sendable {
    case error, warning, info
  }

  static let level = Mutex(Level.info)

  /// Something that was asked for cannot be had.
  static func error(_ text: String) { write(2, "millrace: \(text)\n") }

  /// Something an operator should look at.
  static func warn(_ text: String) { say(.warning, text) }

  /// Something worth knowing.
  static func note(_ text: String) { say(.info, text) }

  private static func say(_ level: Level, _ text: String) {
    guard Console.level.withLock({ $0 != .error && (level == .warning || $0 == .info) }) else { return }
    write(2, "millrace: \(text)\n")
  }

  static let outputIsTerminal = isatty(1) == 1
  static let errorIsTerminal = isatty(2) == 1

  /// Writes all of it; a reader that went away ends the program quietly, as any filter does.
  static func write(_ file: Int32, _ text: String) {
    var text = text
    text.withUTF8 { write(file, UnsafeRawBufferPointer($0)) }
  }

  static func write(_ file: Int32, _ bytes: UnsafeRawBufferPointer) {
    var written = 0
    while written < bytes.count {
      let count = Glibc.write(file, bytes.baseAddress! + written, bytes.count - written)
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EPIPE { _exit(0) }
      guard count >= 0 else { _exit(2) }
      written += count
    }
  }

  /// Bold on a terminal, plain elsewhere.
  static func bold(_ text: String) -> String { outputIsTerminal ? "\u{1b}[1m\(text)\u{1b}[0m" : text }
  static func dim(_ text: String) -> String { outputIsTerminal ? "\u{1b}[2m\(text)\u{1b}[0m" : text }
  static func green(_ text: String) -> String { outputIsTerminal ? "\u{1b}[32m\(text)\u{1b}[0m" : text }
  static func yellow(_ text: String) -> String { outputIsTerminal ? "\u{1b}[33m\(text)\u{1b}[0m" : text }
  static func red(_ text: String) -> String { outputIsTerminal ? "\u{1b}[31m\(text)\u{1b}[0m" : text }

  /// Columns as wide as their widest entry; numbers to the right.
  static func table(_ header: [String], _ rows: [[String]], right: Set<Int> = []) {
    var widths = header.map(\.count)
    for row in rows { for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) } }
    func line(_ cells: [String]) -> String {
      cells.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        return right.contains(column) ? padding + cell : column == cells.count - 1 ? cell : cell + padding
      }.joined(separator: "  ")
    }
    print(bold(line(header)))
    for row in rows { print(line(row)) }
  }

  /// `1234567` as `1,234,567`.
  static func grouped(_ number: some BinaryInteger) -> String {
    var digits = String(number.magnitude)
    var groups: [String] = []
    while digits.count > 3 {
      groups.insert(String(digits.suffix(3)), at: 0)
      digits.removeLast(3)
    }
    return (number < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
  }

  static func duration(seconds: Int64) -> String {
    if seconds < 120 { return "\(seconds) s" }
    return seconds < 7_200
      ? "\(seconds / 60) min \(seconds % 60) s" : "\(seconds / 3_600) h \(seconds % 3_600 / 60) min"
  }

  /// Twenty characters wide.
  static func bar(done: Int64, total: Int64) -> String {
    let filled = total == 0 ? 20 : Int(max(0, min(20, done * 20 / total)))
    return String(repeating: "█", count: filled) + String(repeating: "░", count: 20 - filled)
  }

  static func size(_ bytes: some BinaryInteger) -> String {
    let bytes = Double(bytes)
    for (unit, factor) in [("GiB", 1_073_741_824.0), ("MiB", 1_048_576.0), ("KiB", 1_024.0)] where bytes >= factor {
      return "\((bytes / factor * 10).rounded() / 10) \(unit)"
    }
    return "\(Int(bytes)) B"
  }
}

/// A progress line on standard error, from the second second on, only on a terminal.
final class Progress: Sendable {
  private let startedAt: Int64
  private let shown = Mutex(Int64(0))

  init(now: Int64) { startedAt = now }

  /// `done` of `total` in any unit; `count` things of a `noun` so far.
  func update(now: Int64, done: Int64, total: Int64?, count: Int64, noun: String) {
    let seconds = max(1, now - startedAt)
    show(now) {
      let line = "\(Console.grouped(count)) \(noun), \(Console.grouped(count * 1_000 / seconds))/s"
      guard let total, total > 0, done > 0, done <= total else { return line }
      let left = (total - done) * seconds / done / 1_000
      return
        "\(Console.bar(done: done, total: total)) \(done * 100 / total) %  \(line), \(Console.duration(seconds: left)) left"
    }
  }

  /// A line that somebody else made.
  func show(_ now: Int64, _ line: () -> String) {
    guard Console.errorIsTerminal, now - startedAt >= 2_000 else { return }
    let isDue = shown.withLock { last in
      guard now - last >= 250 else { return false }
      last = now
      return true
    }
    if isDue { Console.write(2, "\r\u{1b}[K\(line())") }
  }

  func end() {
    if shown.withLock({ $0 }) > 0 { Console.write(2, "\r\u{1b}[K") }
  }
}
