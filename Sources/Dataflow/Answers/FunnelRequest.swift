import Basics

/// What is asked of a funnel: which entries, and what is told besides how many users completed each step.
public struct FunnelRequest: Equatable, Sendable {
  /// Rows of a trend: what users came to whose entries are of that day or week.
  public enum Trend: String, Codable, Sendable, CaseIterable { case day, week }

  public var view: String
  /// Entries with start <= time < end; milliseconds; nil is open. Later steps may lie after the end.
  public var start: Int64?
  public var end: Int64?
  /// Whether the breakdown by the funnel's own `by` is wanted.
  public var by: Bool
  /// Values of the breakdown at the most, those with most users first; nil: all, bytewise.
  public var limit: Int?
  public var trend: Trend?
  /// IANA zone of the trend's days. Weeks begin on Monday.
  public var timezone = "UTC"

  public init(view: String, start: Int64? = nil, end: Int64? = nil, by: Bool = false) {
    self.view = view
    self.start = start
    self.end = end
    self.by = by
  }
}
