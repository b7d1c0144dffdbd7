import Basics

/// How many users came how far.
public struct FunnelAnswer: Equatable, Sendable {
  public struct Step: Equatable, Sendable {
    public var name: String
    /// Users who completed the step before; of the first step, users who did it.
    public var entered: Int64
    public var completed: Int64
    /// Median of the times from the step before, milliseconds, from a histogram within 0.8 %; nil for the first step and
    /// when nobody completed it.
    public var medianMilliseconds: Int64?
    /// The times from the step before, ascending; nobody's are left out.
    public var times: [TimeBar] = []

    public init(name: String, entered: Int64, completed: Int64, medianMilliseconds: Int64?) {
      self.name = name
      self.entered = entered
      self.completed = completed
      self.medianMilliseconds = medianMilliseconds
    }

    /// completed / entered with six digits; nil when nobody entered.
    public var conversionRate: String? { FunnelAnswer.rate(completed, of: entered) }

    /// The median in seconds, three digits.
    public var medianSeconds: String? { medianMilliseconds.map { DecimalText.format(Int128($0), scale: 3) } }
  }

  /// How many times between two steps are from <= time < to; milliseconds. One for each user and entry bucket.
  public struct TimeBar: Equatable, Sendable {
    public var from: Int64
    public var to: Int64
    public var count: Int64
  }

  /// What the users came to whose entries are of one day or week.
  public struct TrendRow: Equatable, Sendable {
    /// Milliseconds.
    public var start: Int64
    public var steps: [Step]
  }

  public var steps: [Step]
  /// By value of `by`; nil when not asked for. A user with entries of several values stands in each.
  public var breakdown: [(value: String, steps: [Step])]?
  /// How many values there are, shown or not.
  public var valueCount: Int
  /// Ascending, without those that nobody entered; nil when not asked for. A user with entries on several days stands in each.
  public var trend: [TrendRow]?

  public init(
    steps: [Step], breakdown: [(value: String, steps: [Step])]?, valueCount: Int? = nil, trend: [TrendRow]? = nil
  ) {
    self.steps = steps
    self.breakdown = breakdown
    self.valueCount = valueCount ?? breakdown?.count ?? 0
    self.trend = trend
  }

  /// With six digits; nil of nothing.
  public static func rate(_ part: Int64, of whole: Int64) -> String? {
    guard whole > 0 else { return nil }
    return DecimalText.format(DecimalText.divide(Int128(part), by: Int128(whole), scale: 6), scale: 6)
  }

  public static func == (a: FunnelAnswer, b: FunnelAnswer) -> Bool {
    a.steps == b.steps && a.breakdown?.map(\.value) == b.breakdown?.map(\.value)
      && a.breakdown?.map(\.steps) == b.breakdown?.map(\.steps) && a.valueCount == b.valueCount && a.trend == b.trend
  }
}
