import Basics
import Dataflow
import Runtime

/// What a stream of changes is about: a question of `GET /query` over the newest buckets.
struct LiveQuestion: Hashable, Sendable {
  static let names = [
    "topology", "view", "metric", "event_type", "granularity", "group_by", "where", "timezone", "buckets",
  ]
  private static let grains = ["minute": Timestamp.minute, "hour": Timestamp.hour, "day": Timestamp.day]

  /// As `GET /query` takes them, sorted by name, so that the same question is asked once for all who ask it.
  private let items: [String: String]
  let topology: String?
  let view: String?
  let metric: String?
  private let step: Int64
  private let isOfDays: Bool
  let buckets: Int

  /// - Errors: `.invalid` naming the parameter.
  init(_ query: [(name: String, value: String)]) throws(Failure) {
    let values = try NamedValues(query, known: LiveQuestion.names)
    let grain = values["granularity"] ?? "minute"
    guard let step = LiveQuestion.grains[grain] else {
      throw .invalid("granularity: \(NamedValues.shown(grain)) is not minute, hour or day")
    }
    self.step = step
    isOfDays = grain == "day"
    topology = values["topology"]
    view = values["view"]
    metric = values["metric"]
    buckets = try LiveQuestion.buckets(values["buckets"])
    var items = ["granularity": grain]
    for name in LiveQuestion.names where name != "buckets" && name != "granularity" { items[name] = values[name] }
    self.items = items
  }

  private static func buckets(_ text: String?) throws(Failure) -> Int {
    guard let text else { return 60 }
    guard let count = Int(text), (1...1_500).contains(count) else {
      throw .invalid("buckets: \(NamedValues.shown(text)) is not a number of buckets from 1 to 1,500")
    }
    return count
  }

  /// Where the rows begin: so many buckets back from the newest record, or from now before there is any.
  func start(_ statuses: [PartitionStatus], now: Int64) -> Int64 {
    let newest = statuses.compactMap(\.newestStamp).max() ?? now
    // An event may be of a later bucket than its record was appended in, never of none.
    return Timestamp.floor(min(newest, now), to: step) - Int64(buckets - 1) * step
  }

  /// The parameters of `GET /query` from there on.
  func parameters(from start: Int64) -> [(name: String, value: String)] {
    let text = Timestamp(milliseconds: start).description
    // A date is a day of the zone that the rows are in.
    return items.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
      + [("start_time", isOfDays ? String(text.prefix(10)) : text), ("limit", "\(LiveFeed.rowLimit + 1)")]
  }
}
