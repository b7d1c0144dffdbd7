import Basics
import Dataflow
import Settings

/// What a metric is asked for with, by name: the query of `GET /query`, or the options of `millrace query`.
///
/// Which topology is meant is to be found out first, from `topology`, `view` and `metric`; it then says what the rest means.
public struct QueryParameters: Sendable {
  public static let names = [
    "view", "metric", "event_type", "start_time", "end_time", "granularity", "group_by", "where", "timezone", "limit",
    "cursor", "topology",
  ]
  public static let limits = 1...100_000

  public let topology: String?
  public let view: String?
  public let metric: String
  /// `hour` when not given.
  public let granularity: Grain
  private let values: NamedValues

  /// - Errors: `.invalid` naming the parameter.
  public init(_ items: [(name: String, value: String)]) throws(Failure) {
    values = try NamedValues(items, known: QueryParameters.names)
    topology = values["topology"]
    view = values["view"]
    guard let metric = values["metric"] else { throw .invalid("metric is missing: name a measure of a view") }
    self.metric = metric
    granularity = try QueryParameters.granularity(values["granularity"])
  }

  /// - Errors: `.invalid` naming the parameter.
  public func request(of topology: Topology) throws(Failure) -> QueryRequest {
    var request = QueryRequest(metric: metric, granularity: granularity)
    request.view = view
    request.timezone = try timezone()
    // A date is a day of the zone the rows are in.
    let zone = request.timezone ?? (granularity == .day ? topology.timezone : "UTC")
    (request.start, request.end) = try values.range(timezone: zone)
    request.groupBy = try groupBy()
    request.filter = try filter()
    request.limit = try limit()
    request.offset = try offset()
    try check(request, topology)
    return request
  }

  var isByEventType: Bool { values["event_type"] != nil }

  private static func granularity(_ text: String?) throws(Failure) -> Grain {
    guard let text else { return .hour }
    if let grain = Grain(name: text) { return grain }
    let hint = Suggestion.hint(for: text, among: Grain.allCases.map(\.name))
    throw .invalid("granularity: there is no \(NamedValues.shown(text))\(hint)")
  }

  private func timezone() throws(Failure) -> String? {
    guard let name = values["timezone"] else { return nil }
    guard Timezones.isKnown(name) else {
      throw .invalid("timezone: \(NamedValues.shown(name)) is not an IANA time zone such as Europe/Berlin")
    }
    return name
  }

  private func groupBy() throws(Failure) -> [String] {
    guard let text = values["group_by"] else { return [] }
    var names: [String] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let name = String(part.drop { $0 == " " })
      guard !name.isEmpty else {
        throw .invalid("group_by: a name is missing between the commas of \(NamedValues.shown(text))")
      }
      guard !names.contains(name) else { throw .invalid("group_by: \(NamedValues.shown(name)) is given twice") }
      names.append(name)
    }
    return names
  }

  private func filter() throws(Failure) -> Predicate? {
    let type = values["event_type"].map { Predicate.compare(Field("event_type"), .equal, .text($0)) }
    guard let text = values["where"] else { return type }
    let condition: Predicate
    do { condition = try Predicate.parse(text) } catch { throw .invalid("where: \(error.message)") }
    return type.map { .and($0, condition) } ?? condition
  }

  private func limit() throws(Failure) -> Int {
    guard let text = values["limit"] else { return 10_000 }
    guard let limit = Int(text), QueryParameters.limits.contains(limit) else {
      throw .invalid("limit: \(NamedValues.shown(text)) is not a number of rows from 1 to 100,000")
    }
    return limit
  }

  private func offset() throws(Failure) -> Int {
    guard let text = values["cursor"] else { return 0 }
    if let offset = Cursor.offset(text) { return offset }
    throw .invalid("cursor: \(NamedValues.shown(text)) is not the next_cursor of an answer")
  }
}
