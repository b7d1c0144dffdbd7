import Basics
import Events

/// `POST /mp/collect`, the Measurement Protocol of Google Analytics 4.
///
/// Every event becomes a record with all that is sent: its `params` also as `properties`, and the members of the document, which
/// concern all its events. `name` is kept as `event_type`, `client_id` or `app_instance_id` as `anonymous_id`,
/// `timestamp_micros` as `timestamp`.
///
/// The protocol has no ids of events. Where a time is sent, the id is made of the document and the event's place in it, so that
/// a document that is sent again counts once; without a time two equal documents are two events.
///
/// - Source: Google's "Measurement Protocol (Google Analytics 4) reference".
public struct GoogleAdapter: Adapter {
  /// Google takes so many events at once.
  private static let eventLimit = 25

  public init() {}

  public var keepsUnusable: Bool { true }

  public func read(_ body: Body, into intake: Intake) throws(Refusal) {
    guard !body.isLines else {
      throw Refusal(.unsupported, "the Measurement Protocol is JSON: one document per request")
    }
    let found = intake.parts.open(body.bytes, list: "events")
    guard found != .malformed else {
      throw Refusal(
        .malformed, "the body must be one JSON object with a list of events: {\"client_id\": …, \"events\": […]}")
    }
    guard found == .whole, intake.parts.eventCount <= GoogleAdapter.eventLimit else {
      throw Refusal(
        .tooLarge, "there are more than \(GoogleAdapter.eventLimit) events in the body; send fewer at a time")
    }
    let document = SentMembers(intake.parts)
    // The same on every collector, and on every attempt.
    let hash = digest(body.bytes)
    let digits = String(hash.high, radix: 36) + String(hash.low, radix: 36)
    for index in 0..<intake.parts.eventCount {
      add(body.bytes.part(intake.parts.events[index]), document, "ga4-\(digits)-\(index)", to: intake)
    }
  }

  public func answer(_ intake: Intake) -> String { "" }

  private func add(_ event: UnsafeRawBufferPointer, _ document: SentMembers, _ id: String, to intake: Intake) {
    guard intake.eventParts.open(event) == .whole else { return intake.add(event) }
    let sent = SentMembers(intake.eventParts)
    let time = (sent["timestamp_micros"] ?? document["timestamp_micros"]).flatMap(GoogleAdapter.milliseconds)
    intake.add(event) { record in
      if sent["event_id"] == nil {
        record.member("event_id", json: "\"\(time == nil ? UUIDv7.make(milliseconds: intake.receivedAt) : id)\"")
      }
      if sent["event_type"] == nil { _ = record.member("event_type", text: sent["name"]) }
      for name: StaticString in ["client_id", "app_instance_id", "user_id", "user_properties", "consent"] {
        if sent["\(name)"] == nil, let member = document["\(name)"] { record.member(name, json: member.value) }
      }
      if sent["anonymous_id"] == nil {
        _ = record.member("anonymous_id", text: document["client_id"] ?? document["app_instance_id"])
      }
      if sent["timestamp"] == nil { record.member("timestamp", json: "\(time ?? intake.receivedAt)") }
      if sent["timestamp_micros"] == nil, let micros = document["timestamp_micros"] {
        record.member("timestamp_micros", json: micros.value)
      }
      if sent["properties"] == nil, let parameters = sent["params"] {
        record.member("properties", json: parameters.value)
      }
    }
  }

  /// A number, or one as text.
  private static func milliseconds(_ member: BodyParts.Member) -> Int64? {
    Int64(String(decoding: member.text ?? member.value, as: UTF8.self)).map { $0 / 1_000 }
  }
}
