import Basics

/// One metric over time: what `GET /query` and `millrace query` ask.
public struct QueryRequest: Sendable {
  public enum Order: Sendable {
    /// By bucket, then dimensions bytewise.
    case time
    /// By value, nothing last; then as by time.
    case value
    case valueDescending
  }

  /// Nil when only one view has the metric.
  public var view: String?
  public var metric: String
  /// Rows with start <= bucket < end; milliseconds; nil is open.
  public var start: Int64?
  public var end: Int64?
  public var granularity: Granularity
  /// Dimensions that rows keep; the others are added up.
  public var groupBy: [String] = []
  /// A condition on dimensions.
  public var filter: Predicate?
  /// IANA zone whose hours, days, weeks and months rows are; nil is UTC for minutes and hours, and the topology's zone for
  /// the others.
  public var timezone: String?
  /// Whether buckets of the range that hold nothing have rows too, for each group that there is. Needs both bounds.
  public var fillsWithZero = false
  public var order = Order.time
  /// Only so many groups: those with the largest values over the whole range. Needs `groupBy`.
  public var top: Int?
  /// Whether the groups that are not among the top are there as one.
  public var hasOther = false
  /// Whether rows have the values of the period before, too. Needs both bounds.
  public var comparesPrevious = false

  public init(metric: String, granularity: Granularity) {
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
    /// Stands for all groups that are not among the top; it has no dimensions then.
    public var isOther = false
    /// Of the bucket in the same place of the period before; nil when nothing is compared.
    public var previous: MeasureValue?

    public init(
      bucket: Int64, value: MeasureValue, dimensions: [String], isOther: Bool = false, previous: MeasureValue? = nil
    ) {
      self.bucket = bucket
      self.value = value
      self.dimensions = dimensions
      self.isOther = isOther
      self.previous = previous
    }
  }

  public var view: String
  public var metric: String
  public var groupBy: [String]
  /// All of them: pages are cut from these.
  public var rows: [Row]
  /// The period that rows were compared with; milliseconds, the end exclusive.
  public var compared: Range<Int64>?
  /// Rows of sessions whose bucket ends after this may still change as sessions go on; milliseconds; nil for events.
  public var provisionalGap: Int64?
}
