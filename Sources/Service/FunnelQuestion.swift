import Basics
import Dataflow
import Foundation
import Runtime
import Settings

/// The body of `POST /funnels`: a funnel that no topology declares, and which of its entries.
struct FunnelQuestion {
  static let known = [
    "steps", "window_hours", "within", "mode", "start_date", "end_date", "start_time", "end_time", "breakdown", "where",
    "trend", "timezone", "topology",
  ]

  let funnel: FunnelText
  let topology: String?
  let start: Int64?
  let end: Int64?
  let trend: FunnelRequest.Trend?
  let timezone: String?

  /// - Errors: `.invalid` naming the member.
  init(_ bytes: [UInt8]) throws(Failure) {
    let body = try JSONBody(bytes, known: FunnelQuestion.known)
    topology = try body.text("topology")
    var funnel = FunnelText(
      steps: try FunnelQuestion.steps(body["steps"]), withinMilliseconds: try FunnelQuestion.within(body),
      by: try body.text("breakdown"), condition: try body.text("where"))
    funnel.strictIncrease = try FunnelQuestion.mode(try body.text("mode"))
    // What is wrong with it is said before anything is looked up.
    _ = try funnel.definition()
    self.funnel = funnel
    timezone = try body.text("timezone")
    let zone = try FunnelParameters.timezone(timezone)
    trend = try FunnelParameters.trend(try body.text("trend"))
    (start, end) = try FunnelQuestion.range(body, zone)
  }

  private static func steps(_ value: JSONBody.Value?) throws(Failure) -> [FunnelText.Step] {
    guard case .list(let values)? = value else {
      throw .invalid("steps: is a list of event types, or of {event, where, name}, in the order of the funnel")
    }
    var steps: [FunnelText.Step] = []
    for (index, value) in values.enumerated() {
      let name = "steps[\(index)]"
      switch value {
      case .text(let event): steps.append(FunnelText.Step(event: event))
      case .object(let members):
        let step = try JSONBody(members, named: name, known: ["event", "where", "name"])
        guard let event = try step.text("event") else { throw .invalid("\(name).event: is missing") }
        steps.append(
          FunnelText.Step(event: event, name: try step.text("name"), condition: try step.text("where")))
      default: throw .invalid("\(name): is an event type, or {event, where, name}")
      }
    }
    return steps
  }

  private static func within(_ body: JSONBody) throws(Failure) -> Int64 {
    if let text = try body.text("within") {
      guard body["window_hours"] == nil else { throw .invalid("within: says the same as window_hours; leave one out") }
      guard let within = Durations.parse(text) else {
        throw .invalid("within: \(NamedValues.shown(text)) is not a duration such as 30m, 24h or 7d")
      }
      return within
    }
    guard case .number(let hours)? = body["window_hours"] else {
      throw .invalid("window_hours: is the number of hours from the first step to the last")
    }
    let limit = Decimal(24 * 3_650)
    var milliseconds = hours * 3_600_000
    var whole = Decimal()
    NSDecimalRound(&whole, &milliseconds, 0, .plain)
    guard hours > 0, hours <= limit, whole == milliseconds else {
      throw .invalid("window_hours: \(hours) is not a number of hours above 0 and up to \(limit), to the millisecond")
    }
    return NSDecimalNumber(decimal: whole).int64Value
  }

  private static func mode(_ text: String?) throws(Failure) -> Bool {
    switch text {
    case nil, "default": return false
    case "strict_increase": return true
    case let text?:
      let hint = Suggestion.hint(for: text, among: ["default", "strict_increase"])
      throw .invalid("mode: there is no \(NamedValues.shown(text))\(hint)")
    }
  }

  /// Dates are days of UTC, the last one included; times are as everywhere, before the end.
  private static func range(_ body: JSONBody, _ zone: String) throws(Failure) -> (start: Int64?, end: Int64?) {
    let first = try date(body, "start_date")
    let last = try date(body, "end_date")
    var items: [(name: String, value: String)] = []
    for name in ["start_time", "end_time"] { if let text = try body.text(name) { items.append((name, text)) } }
    guard first != nil || last != nil else {
      let range = try NamedValues(items, known: ["start_time", "end_time"]).range(timezone: zone)
      for (name, bound) in [("start_time", range.start), ("end_time", range.end)] {
        guard let bound, bound % (15 * Timestamp.minute) != 0 else { continue }
        throw .invalid(
          "\(name): \(Timestamp(milliseconds: bound)) is not a quarter hour: entries are kept by 15 minutes")
      }
      return range
    }
    guard items.isEmpty else {
      throw .invalid("\(items[0].name): goes with no dates; give start_date and end_date, or start_time and end_time")
    }
    if let first, let last, first > last { throw .invalid("end_date: is before start_date") }
    return (first, last.map { $0 + Timestamp.day })
  }

  private static func date(_ body: JSONBody, _ name: String) throws(Failure) -> Int64? {
    guard let text = try body.text(name) else { return nil }
    guard text.utf8.count == 10, let date = Timestamp(text) else {
      throw .invalid("\(name): \(NamedValues.shown(text)) is not a date such as 2026-03-01")
    }
    return date.milliseconds
  }
}
