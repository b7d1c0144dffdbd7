import Basics

/// One metric over time: what `GET /query` and `millrace query` ask.
public struct QueryRequest: Sendable {
  /// Nil when only one view has the metric.
  public var view: String?
  public var metric: String
  /// Rows with start <= bucket < end; milliseconds; nil is open.
  public var start: Int64?
  public var end: Int64?
  public var granularity: Grain
  /// Dimensions that rows keep; the others are added up.
  public var groupBy: [String] = []
  /// A condition on dimensions.
  public var filter: Predicate?
  /// IANA zone whose hours and days rows are; nil is UTC for minutes and hours, and the topology's zone for days.
  public var timezone: String?
  public var limit = 10_000
  /// Rows to pass over: from the `next_cursor` of the page before.
  public var offset = 0

  public init(metric: String, granularity: Grain) {
    self.metric = metric
    self.granularity = granularity
  }
}

public struct QueryAnswer: Equatable, Sendable {
  public struct Row: Equatable, Sendable {
    public var bucket: Int64
    public var value: MeasureValue
    /// In the order asked for; "" is missing.
    public var dimensions: [String]
  }

  public var view: String
  public var groupBy: [String]
  public var rows: [Row]
  /// Where the next page starts; nil when this is the last.
  public var nextOffset: Int?
  /// Rows of sessions whose bucket ends after this may still change as sessions go on; milliseconds; nil for events.
  public var provisionalGap: Int64?
}
