import Basics
import Events

/// PostHog's `POST /batch/`, as its server-side SDKs speak it.
///
/// Everything sent stays in the record. Added under our names: `uuid` as `event_id`, `event` as `event_type`, `distinct_id` as
/// `user_id`, and of `properties` the page, the device and the country. A name of ours that the event has is left alone.
///
/// Older Python libraries of theirs name no ids unless told to. Where an event has a time, its id is then made of its bytes, which are
/// the same at each attempt; without one, two equal events are two.
///
/// As with Segment, one event never makes the batch be refused.
///
/// - Source: PostHog's "Capture and batch API endpoints"; the properties are those its browser library sets.
public struct PostHogAdapter: Adapter {
  public init() {}

  public var keepsUnusable: Bool { true }
  public var hasKeyInBody: Bool { true }

  public func read(_ body: Body, into intake: Intake) throws(Refusal) {
    guard !body.isLines else { throw Refusal(.unsupported, "PostHog's protocol is JSON: one document per request") }
    switch intake.parts.open(body.bytes, list: "batch") {
    case .whole: break
    case .tooMany: throw Refusal(.tooLarge, "there are too many events in the batch; send fewer at a time")
    case .malformed:
      throw Refusal(.malformed, "the body must be one JSON object that has its events in the list 'batch'")
    }
    try body.accept(key: intake.parts.member("api_key")?.text.map { String(decoding: $0, as: UTF8.self) })
    let sentAt = intake.parts.member("sentAt") ?? intake.parts.member("sent_at")
    intake.tellSentAt(sentAt)
    for index in 0..<intake.parts.eventCount { add(body.bytes.part(intake.parts.events[index]), sentAt, to: intake) }
  }

  public func answer(_ intake: Intake) -> String { #"{"status":1}"# }

  private func add(_ event: UnsafeRawBufferPointer, _ sentAt: BodyParts.Member?, to intake: Intake) {
    guard intake.eventParts.open(event) == .whole else { return intake.add(event) }
    let sent = SentMembers(intake.eventParts)
    let properties = sent["properties"]
    let has = properties.map { $0.kind == UInt8(ascii: "{") && intake.contextParts.open($0.value) == .whole } ?? false
    let known = has ? SentMembers(intake.contextParts) : SentMembers()
    intake.setVisitor(
      agent: (known["$raw_user_agent"] ?? known["$useragent"])?.text, address: known["$ip"]?.text)
    let received = "\"\(Timestamp(milliseconds: intake.receivedAt))\""
    let timestamp = sent.replacement(
      of: "timestamp", by: sentAt.map { String(decoding: $0.value, as: UTF8.self) } ?? received)
    intake.add(event, replacing: timestamp) { record in
      if sent["event_id"] == nil, !record.member("event_id", text: sent["uuid"] ?? sent["messageId"]) {
        record.member("event_id", json: "\"\(identifier(event, sent["timestamp"], intake))\"")
      }
      if sent["event_type"] == nil { _ = record.member("event_type", text: sent["event"]) }
      if sent["user_id"] == nil { _ = record.member("user_id", text: sent["distinct_id"] ?? known["distinct_id"]) }
      if sent["anonymous_id"] == nil { _ = record.member("anonymous_id", text: known["$device_id"]) }
      if sent["session_id"] == nil { _ = record.member("session_id", text: known["$session_id"]) }
      if sent["timestamp"] == nil { record.member("timestamp", json: sentAt.map(\.value), else: received) }
      if sent["sent_at"] == nil, let sentAt { record.member("sent_at", json: sentAt.value) }
      if sent["page"] == nil {
        record.object(
          "page", [("url", known["$current_url"]), ("path", known["$pathname"]), ("referrer", known["$referrer"])])
      }
      if sent["device"] == nil {
        record.object(
          "device", [("type", known["$device_type"]), ("os", known["$os"]), ("browser", known["$browser"])])
      }
      if sent["geo"] == nil {
        record.object(
          "geo", [("country", known["$geoip_country_code"]), ("city", known["$geoip_city_name"])])
      }
    }
  }

  private func identifier(_ event: UnsafeRawBufferPointer, _ time: BodyParts.Member?, _ intake: Intake) -> String {
    guard let time, !time.isMissing else { return UUIDv7.make(milliseconds: intake.receivedAt) }
    let hash = digest(event)
    return "posthog-\(String(hash.high, radix: 36))\(String(hash.low, radix: 36))"
  }
}
