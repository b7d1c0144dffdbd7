/// How long the rows of an answer are. Weeks and months are never stored: they are put together from days or hours.
public enum Granularity: UInt8, Sendable, CaseIterable, Comparable {
  // The first three as `Grain`, which they are compared with.
  case minute = 0
  case hour = 1
  case day = 2
  /// From Monday on, as in ISO 8601.
  case week = 3
  case month = 4

  public var name: String {
    switch self {
    case .minute: "minute"
    case .hour: "hour"
    case .day: "day"
    case .week: "week"
    case .month: "month"
    }
  }

  public init?(name: String) {
    guard let granularity = Granularity.allCases.first(where: { $0.name == name }) else { return nil }
    self = granularity
  }

  public init(_ grain: Grain) { self = Granularity(rawValue: grain.rawValue)! }

  public static func < (a: Granularity, b: Granularity) -> Bool { a.rawValue < b.rawValue }

  /// Whether rows begin where days of a zone do: that of the topology unless another is asked for.
  public var isOfDays: Bool { self >= .day }

  /// Whether rows are put together from several stored buckets of a grain.
  public func isCoarser(than grain: Grain) -> Bool { rawValue > grain.rawValue }
  public func isSame(as grain: Grain) -> Bool { rawValue == grain.rawValue }
}
