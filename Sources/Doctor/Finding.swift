/// One thing that was looked at, and what was seen.
public struct Finding: Sendable, Equatable {
  /// From fine to bad.
  public enum Severity: String, Sendable, CaseIterable, Comparable {
    case ok
    /// It could not be looked at; the message says why.
    case skipped
    /// It works, and somebody should know what it may lead to.
    case warning
    /// It does not work, or ends in missing or wrong numbers.
    case problem

    public static func < (a: Severity, b: Severity) -> Bool {
      allCases.firstIndex(of: a)! < allCases.firstIndex(of: b)!
    }
  }

  /// What is looked at; the raw values are what `--json` says.
  public enum Check: String, Sendable, CaseIterable {
    case configuration
    case data
    case disk
    case memory
    case openFiles = "open_files"
    case checkpoints
    case topology
    case generation
    case stopped
    case brokers
    case log
    case topic
    case permissions
    case leaders
    case partitions
    case timestamps
    case retention
    case history
    case cleanup
    case recordSize = "record_size"
    case replication
    case elections
    case segments
    case position
    case readBack = "read_back"
    case placement
    case keys
    case records
    case clock
  }

  public var severity: Severity
  public var check: Check
  /// What it is about: `topic events`, `./data`.
  public var place: String
  public var message: String
  /// The command or the change that mends it; several lines are alternatives or steps.
  public var fix: String?

  public init(_ severity: Severity, _ check: Check, _ place: String, _ message: String, fix: String? = nil) {
    self.severity = severity
    self.check = check
    self.place = place
    self.message = message
    self.fix = fix
  }
}
