import Basics
import Dataflow
import Settings

/// What a metric is asked for with, by name: the query of `GET /query`, or the options of `millrace query`.
///
/// Which topology is meant is to be found out first, from `topology`, `view` and `metric`; it then says what the rest means.
public struct QueryParameters: Sendable {
  public static let names = [
    "view", "metric", "event_type", "start_time", "end_time", "granularity", "group_by", "where", "timezone", "limit",
    "cursor", "topology", "fill", "order", "top", "other", "compare_to", "format",
  ]
  public static let limits = 1...100_000
  public static let tops = 1...1_000

  public let topology: String?
  public let view: String?
  public let metric: String
  /// `hour` when not given.
  public let granularity: Granularity
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
    let zone = request.timezone ?? (granularity.isOfDays ? topology.timezone : "UTC")
    (request.start, request.end) = try values.range(timezone: zone)
    request.groupBy = try groupBy()
    request.filter = try filter()
    _ = try page()
    request.fillsWithZero = try choice("fill", ["zero"]) != nil
    request.order = try order()
    request.top = try values["top"].map { (text) throws(Failure) in
      try number("top", text, QueryParameters.tops, "groups")
    }
    request.hasOther = try choice("other", ["true", "false"]) == "true"
    if request.hasOther, request.top == nil { throw .invalid("other: of what the rest is, is said with 'top'") }
    request.comparesPrevious = try choice("compare_to", ["previous_period"]) != nil
    try check(request, topology)
    return request
  }

  /// The question in one way of writing it, whatever page and form of its answer is wanted.
  public var question: String {
    asked.map { "\($0.name)=\($0.value)" }.joined(separator: "\u{0}")
  }

  /// What another instance is asked.
  var asked: [(name: String, value: String)] {
    values.sorted.filter { !["limit", "cursor", "format", "topology"].contains($0.name) }
  }

  /// - Errors: `.invalid` naming the parameter.
  public func page() throws(Failure) -> (limit: Int, cursor: Cursor?) {
    let limit = try values["limit"].map { (text) throws(Failure) in
      try number("limit", text, QueryParameters.limits, "rows")
    }
    guard let text = values["cursor"] else { return (limit ?? 10_000, nil) }
    guard let cursor = Cursor(text) else {
      throw .invalid("cursor: \(NamedValues.shown(text)) is not the next_cursor of an answer")
    }
    return (limit ?? 10_000, cursor)
  }

  func format() throws(Failure) -> AnswerFormat? {
    try values["format"].map { (text) throws(Failure) in try AnswerFormat.named(text) }
  }

  var isByEventType: Bool { values["event_type"] != nil }

  private static func granularity(_ text: String?) throws(Failure) -> Granularity {
    guard let text else { return .hour }
    if let granularity = Granularity(name: text) { return granularity }
    let hint = Suggestion.hint(for: text, among: Granularity.allCases.map(\.name))
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

  private func order() throws(Failure) -> QueryRequest.Order {
    switch try choice("order", ["time", "value", "-value"]) {
    case "value": .value
    case "-value": .valueDescending
    default: .time
    }
  }

  private func choice(_ name: String, _ known: [String]) throws(Failure) -> String? {
    guard let text = values[name], !known.contains(text) else { return values[name] }
    throw .invalid("\(name): there is no \(NamedValues.shown(text))\(Suggestion.hint(for: text, among: known))")
  }

  private func number(
    _ name: String, _ text: String, _ range: ClosedRange<Int>, _ unit: String
  ) throws(Failure) -> Int {
    if let number = Int(text), range.contains(number) { return number }
    let most = range.upperBound == 100_000 ? "100,000" : "1,000"
    throw .invalid("\(name): \(NamedValues.shown(text)) is not a number of \(unit) from 1 to \(most)")
  }
}
