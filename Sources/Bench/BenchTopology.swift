import Basics

/// The definitions that are measured. They stand beside the answers expected of them, not among the topologies that are
/// shipped as examples: the two must not drift apart, and the program can then be measured from any directory.
public enum BenchTopology {
  public static let gapMilliseconds: Int64 = 30 * Timestamp.minute
  public static let withinMilliseconds: Int64 = 24 * Timestamp.hour
  public static let steps = ["view_product", "add_to_cart", "purchase"]

  /// How many columns of each view's rows are the row's key.
  public static let trafficKeys = 4
  public static let visitsKeys = 1
  public static let checkoutKeys = 1
  public static let idsKeys = 2

  /// Dedup, a rollup with an exact sum and exact distinct users, sessions, and a funnel, in one job.
  ///
  /// - `grains`: by view, as in `["minute"]`.
  public static func text(traffic: [String], visits: [String]) -> String {
    func list(_ grains: [String]) -> String { grains.map { "\($0): forever" }.joined(separator: ", ") }
    return """
      topology: bench
      sessions: { gap: 30m }
      views:
        traffic:
          rollup:
            of: events
            by: [event_type, geo.country, device.type]
            measures:
              events: count
              revenue: sum(properties.amount, scale=2)
              users: distinct(user_id)
            grains: { \(list(traffic)) }
        visits:
          rollup:
            of: sessions
            measures:
              sessions: count
              duration: sum(duration)
              events: sum(events)
              bounces: count where events = 1
            grains: { \(list(visits)) }
        checkout:
          funnel:
            steps: [\(steps.joined(separator: ", "))]
            within: 24h

      """
  }

  /// Little more than telling new ids from old ones.
  public static let ids = """
    topology: bench
    views:
      ids:
        rollup:
          of: events
          by: event_type
          measures: { events: count }
          grains: { hour: forever }

    """
}
