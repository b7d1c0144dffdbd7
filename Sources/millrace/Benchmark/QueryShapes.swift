import Basics

/// The questions that dashboards ask over 90 days, all of one topology.
struct QueryShapes {
  struct Shape {
    var name: String
    /// As it stands in a request, with its query.
    var target: String
  }

  /// Twelve types of events, fifty countries, three devices; hours for as long as the days that are asked for.
  static let topology = """
    topology: bench
    sessions: { gap: 30m }
    views:
      traffic:
        rollup:
          of: events
          by: [event_type, geo.country, device.type]
          measures:
            events: count
            users: distinct(user_id)
            revenue: sum(properties.amount, scale=2)
          grains: { hour: 120d, day: 3y }
      visits:
        rollup:
          of: sessions
          by: [geo.country, device.type]
          measures:
            sessions: count
            bounces: count where events = 1
            duration: avg(duration)
            p95: quantile(duration, 0.95)
          grains: { hour: 120d, day: 3y }
      checkout:
        funnel:
          steps: [view_product, add_to_cart, purchase]
          within: 24h
          by: geo.country

    """

  let queries: [Shape]
  /// Three steps, with a breakdown, over all of the days.
  let funnel: Shape

  /// - `end`: midnight after the last event, milliseconds.
  init(end: Int64, days: Int64) {
    func range(_ days: Int64) -> String {
      "&start_time=\(Timestamp(milliseconds: end - days * Timestamp.day))&end_time=\(Timestamp(milliseconds: end))"
    }
    func shape(_ metric: String, _ granularity: String, _ days: Int64, _ more: [(String, String)] = []) -> Shape {
      let tail = more.map { "&\($0.0)=\(QueryShapes.escaped($0.1))" }.joined()
      return Shape(
        name: ([metric, granularity, "\(days)d"] + more.map(\.1)).joined(separator: " "),
        target: "/query?metric=\(metric)&granularity=\(granularity)\(range(days))\(tail)")
    }
    queries = [
      shape("events", "day", days),
      shape("events", "hour", 7),
      shape("events", "day", days, [("group_by", "event_type")]),
      shape("events", "day", days, [("group_by", "geo.country")]),
      shape("events", "day", days, [("group_by", "device.type")]),
      shape("users", "day", days),
      shape("users", "day", days, [("group_by", "event_type")]),
      shape("users", "day", days, [("group_by", "geo.country"), ("event_type", "purchase")]),
      shape("revenue", "day", days),
      shape("revenue", "day", days, [("group_by", "geo.country")]),
      shape("events", "hour", 3, [("group_by", "event_type")]),
      shape("users", "hour", 2),
      shape("events", "day", days, [("group_by", "device.type"), ("where", "geo.country in ('DE', 'AT', 'CH')")]),
      shape("events", "day", 30, [("timezone", "Europe/Berlin")]),
      shape("events", "day", 14, [("timezone", "Asia/Kathmandu"), ("group_by", "event_type")]),
      shape("sessions", "day", days),
      shape("bounces", "day", days, [("group_by", "geo.country")]),
      shape("duration", "day", days),
      shape("p95", "day", days, [("group_by", "device.type")]),
      shape("events", "hour", 14, [("group_by", "geo.country"), ("event_type", "purchase")]),
    ]
    let bounds = range(days).dropFirst()
    funnel = Shape(name: "checkout \(days)d by", target: "/funnels/checkout/results?\(bounds)&by=true")
  }

  private static func escaped(_ text: String) -> String {
    var escaped = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        escaped.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        escaped += "%" + (digits.count < 2 ? "0" : "") + digits
      }
    }
    return escaped
  }
}
