import Basics
import Dataflow
import Settings

/// What a funnel's steps are asked for with, by name: the query of `GET /funnels/{view}/results`, or the options of
/// `millrace funnel`.
public struct FunnelParameters: Sendable {
  public static let names = [
    "start_time", "end_time", "by", "limit", "histogram", "trend", "timezone", "topology",
  ]
  public static let limits = 1...10_000

  public let topology: String?
  /// Entries with start <= time < end; milliseconds; nil is open. A date is where that day begins in the time zone.
  public let start: Int64?
  public let end: Int64?
  /// Whether the breakdown by the funnel's own `by` is wanted, and how many values of it.
  public let by: Bool
  public let limit: Int?
  /// Whether the times between steps are wanted.
  public let histogram: Bool
  public let trend: FunnelRequest.Trend?
  public let timezone: String

  /// - Errors: `.invalid` naming the parameter.
  public init(_ items: [(name: String, value: String)]) throws(Failure) {
    let values = try NamedValues(items, known: FunnelParameters.names)
    topology = values["topology"]
    timezone = try FunnelParameters.timezone(values["timezone"])
    (start, end) = try values.range(timezone: timezone)
    by = try values.flag("by")
    limit = try FunnelParameters.limit(values)
    histogram = try values.flag("histogram")
    trend = try FunnelParameters.trend(values["trend"])
    if limit != nil, !by { throw .invalid("limit: is of a breakdown's values, so it goes with by=true") }
  }

  public func request(of view: String) -> FunnelRequest {
    var request = FunnelRequest(view: view, start: start, end: end, by: by)
    request.limit = limit
    request.trend = trend
    request.timezone = timezone
    return request
  }

  static func limit(_ values: NamedValues) throws(Failure) -> Int? {
    guard let text = values["limit"] else { return nil }
    guard let limit = Int(text), limits.contains(limit) else {
      throw .invalid("limit: \(NamedValues.shown(text)) is not a number of values from 1 to 10,000")
    }
    return limit
  }

  static func timezone(_ name: String?) throws(Failure) -> String {
    guard let name else { return "UTC" }
    guard Timezones.isKnown(name) else {
      throw .invalid("timezone: \(NamedValues.shown(name)) is not an IANA time zone such as Europe/Berlin")
    }
    return name
  }

  static func trend(_ text: String?) throws(Failure) -> FunnelRequest.Trend? {
    guard let text else { return nil }
    if let trend = FunnelRequest.Trend(rawValue: text) { return trend }
    let hint = Suggestion.hint(for: text, among: FunnelRequest.Trend.allCases.map(\.rawValue))
    throw .invalid("trend: there is no \(NamedValues.shown(text))\(hint)")
  }
}
