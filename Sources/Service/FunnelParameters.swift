import Basics

/// What a funnel's steps are asked for with, by name: the query of `GET /funnels/{view}/results`, or the options of
/// `millrace funnel`.
public struct FunnelParameters: Sendable {
  public static let names = ["start_time", "end_time", "by", "topology"]

  public let topology: String?
  /// Entries with start <= time < end; milliseconds; nil is open. A date is its UTC midnight.
  public let start: Int64?
  public let end: Int64?
  /// Whether the breakdown by the funnel's own `by` is wanted.
  public let by: Bool

  /// - Errors: `.invalid` naming the parameter.
  public init(_ items: [(name: String, value: String)]) throws(Failure) {
    let values = try NamedValues(items, known: FunnelParameters.names)
    topology = values["topology"]
    (start, end) = try values.range(timezone: "UTC")
    switch values["by"] {
    case nil, "false": by = false
    case "true": by = true
    case let text?: throw .invalid("by: \(NamedValues.shown(text)) is neither true nor false")
    }
  }
}
