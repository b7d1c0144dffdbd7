import Basics
import Events

/// Segment's HTTP tracking protocol, as the SDKs of Segment and RudderStack speak it: `/v1/batch`, and one event at
/// `/v1/track` and its like.
///
/// Everything that is sent stays in the record. What we call otherwise is added under our names: `messageId` as `event_id`,
/// `event`, else `type`, as `event_type`, `userId` and `anonymousId` as `user_id` and `anonymous_id`, and of `context` the
/// device, the location and the page. A name of ours that the event has already is left alone.
///
/// Those SDKs drop a whole batch when it is refused, so one event never makes it so: what cannot be used is appended all the
/// same, for the runtime to quarantine with its reason.
///
/// - Source: Segment's "HTTP Tracking API Source" and "Spec: Common Fields".
public struct SegmentAdapter: Adapter {
  /// Segment takes so many events at once.
  static let eventLimit = 2_500

  /// What an event is when it does not say: the last part of the path.
  private static let types: [String: StaticString] = [
    "/v1/track": "track", "/v1/page": "page", "/v1/screen": "screen", "/v1/identify": "identify",
    "/v1/group": "group", "/v1/alias": "alias", "/v1/t": "track", "/v1/p": "page", "/v1/s": "screen",
    "/v1/i": "identify", "/v1/g": "group", "/v1/a": "alias",
  ]

  /// Whether events are taken there.
  public static func isPath(_ path: String) -> Bool { path == "/v1/batch" || types[path] != nil }

  public init() {}

  public var keepsUnusable: Bool { true }
  public var hasKeyInBody: Bool { true }

  public func read(_ body: Body, into intake: Intake) throws(Refusal) {
    guard !body.isLines else { throw Refusal(.unsupported, "Segment's protocol is JSON: one document per request") }
    guard let type = SegmentAdapter.types[body.path] else { return try readBatch(body, into: intake) }
    let event = body.bytes.trimmed
    guard intake.parts.open(event) == .whole else { throw SegmentAdapter.malformed }
    try body.accept(key: SegmentAdapter.writeKey(intake.parts))
    intake.tellSentAt(intake.parts.member("sentAt"))
    add(event, type: type, Shared(), to: intake)
  }

  public func answer(_ intake: Intake) -> String { #"{"success":true}"# }

  private func readBatch(_ body: Body, into intake: Intake) throws(Refusal) {
    switch intake.parts.open(body.bytes, list: "batch") {
    case .whole: break
    case .tooMany:
      throw Refusal(
        .tooLarge, "there are more than \(SegmentAdapter.eventLimit) events in the batch; send fewer at a time")
    case .malformed: throw SegmentAdapter.malformed
    }
    try body.accept(key: SegmentAdapter.writeKey(intake.parts))
    let shared = Shared(context: intake.parts.member("context"), sentAt: intake.parts.member("sentAt"))
    intake.tellSentAt(shared.sentAt)
    for index in 0..<intake.parts.eventCount {
      add(body.bytes.part(intake.parts.events[index]), type: "track", shared, to: intake)
    }
  }

  private static let malformed = Refusal(
    .malformed, "the body must be one JSON object; a batch has its events in the list 'batch'")

  private static func writeKey(_ parts: BodyParts) -> String? {
    parts.member("writeKey")?.text.map { String(decoding: $0, as: UTF8.self) }
  }

  /// What a batch says for all its events.
  private struct Shared {
    var context: BodyParts.Member?
    var sentAt: BodyParts.Member?
  }

  private func add(_ event: UnsafeRawBufferPointer, type: StaticString, _ shared: Shared, to intake: Intake) {
    // As it came: the runtime will say what is wrong with it.
    guard intake.eventParts.open(event) == .whole else { return intake.add(event) }
    let sent = SegmentEvent(intake.eventParts)
    let context = SegmentContext(sent.context ?? shared.context, intake.contextParts, intake.innerParts)
    intake.setVisitor(agent: context.agent?.text, address: context.address?.text)
    var replacing: (member: BodyParts.Member, json: String)?
    let received = "\"\(Timestamp(milliseconds: intake.receivedAt))\""
    let time = sent.originalTimestamp ?? sent.sentAt
    if let timestamp = sent.timestamp, timestamp.isMissing {
      replacing = (timestamp, time.map { String(decoding: $0.value, as: UTF8.self) } ?? received)
    }
    intake.add(event, replacing: replacing) { record in
      if !sent.has.contains(.eventID) {
        if !record.member("event_id", text: sent.messageID) {
          record.member("event_id", json: "\"\(UUIDv7.make(milliseconds: intake.receivedAt))\"")
        }
      }
      if !sent.has.contains(.eventType), !record.member("event_type", text: sent.event),
        !record.member("event_type", text: sent.type)
      {
        record.member("event_type", json: "\"\(type)\"")
      }
      if !sent.has.contains(.userID) { _ = record.member("user_id", text: sent.userID) }
      if !sent.has.contains(.anonymousID) { _ = record.member("anonymous_id", text: sent.anonymousID) }
      if sent.timestamp == nil {
        if let time { record.member("timestamp", json: time.value) } else { record.member("timestamp", json: received) }
      }
      if sent.sentAt == nil, let sentAt = shared.sentAt { record.member("sentAt", json: sentAt.value) }
      if sent.context == nil, let context = shared.context { record.member("context", json: context.value) }
      if !sent.has.contains(.device) { context.writeDevice(to: &record) }
      if !sent.has.contains(.geo), let location = context.location { record.member("geo", json: location.value) }
      if !sent.has.contains(.page), let page = context.page { record.member("page", json: page.value) }
    }
  }
}

/// The members of one event that mean something to us.
private struct SegmentEvent {
  /// Names of ours that the event has.
  struct Own: OptionSet {
    let rawValue: Int
    static let eventID = Own(rawValue: 1)
    static let eventType = Own(rawValue: 2)
    static let userID = Own(rawValue: 4)
    static let anonymousID = Own(rawValue: 8)
    static let device = Own(rawValue: 16)
    static let geo = Own(rawValue: 32)
    static let page = Own(rawValue: 64)
  }

  var has: Own = []
  var messageID, type, event, userID, anonymousID, timestamp, originalTimestamp, sentAt, context: BodyParts.Member?

  init(_ parts: BodyParts) {
    for member in parts.members {
      switch member.name.count {
      case 3 where member.isNamed("geo"): has.insert(.geo)
      case 4 where member.isNamed("type"): type = member
      case 4 where member.isNamed("page"): has.insert(.page)
      case 5 where member.isNamed("event"): event = member
      case 6 where member.isNamed("userId"): userID = member
      case 6 where member.isNamed("sentAt"): sentAt = member.isMissing ? nil : member
      case 6 where member.isNamed("device"): has.insert(.device)
      case 7 where member.isNamed("context"): context = member.isMissing ? nil : member
      case 7 where member.isNamed("user_id"): has.insert(.userID)
      case 8 where member.isNamed("event_id"): has.insert(.eventID)
      case 9 where member.isNamed("messageId"): messageID = member
      case 9 where member.isNamed("timestamp"): timestamp = member
      case 10 where member.isNamed("event_type"): has.insert(.eventType)
      case 11 where member.isNamed("anonymousId"): anonymousID = member
      case 12 where member.isNamed("anonymous_id"): has.insert(.anonymousID)
      case 17 where member.isNamed("originalTimestamp"): originalTimestamp = member.isMissing ? nil : member
      default: break
      }
    }
  }
}

/// Where and with what the event was made.
private struct SegmentContext {
  private(set) var location, page, agent, address: BodyParts.Member?
  /// What stands between the braces of the device, and the name of its system unless that is among it.
  private var device: UnsafeRawBufferPointer?
  private var system: BodyParts.Member?

  init(_ context: BodyParts.Member?, _ parts: BodyParts, _ inner: BodyParts) {
    guard let context, parts.open(context.value) == .whole else { return }
    var os: BodyParts.Member?
    var device: BodyParts.Member?
    for member in parts.members {
      if member.isNamed("userAgent") { agent = member }
      if member.isNamed("ip") { address = member }
      guard member.kind == UInt8(ascii: "{") else { continue }
      if member.isNamed("location") { location = member }
      if member.isNamed("page") { page = member }
      if member.isNamed("os") { os = member }
      if member.isNamed("device") { device = member }
    }
    if let os, inner.open(os.value) == .whole, let name = inner.member("name"), !name.isMissing { system = name }
    guard let device, inner.open(device.value) == .whole else { return }
    self.device = UnsafeRawBufferPointer(rebasing: device.value[1..<device.value.count - 1]).trimmed
    if inner.member("os") != nil { system = nil }
  }

  func writeDevice(to record: inout ByteWriter) {
    let inside = device ?? UnsafeRawBufferPointer(start: nil, count: 0)
    guard !inside.isEmpty || system != nil else { return }
    record.member("device", json: "{")
    record.raw(inside)
    if let system {
      if !inside.isEmpty { record.byte(UInt8(ascii: ",")) }
      record.raw(#""os":"#)
      record.raw(system.value)
    }
    record.byte(UInt8(ascii: "}"))
  }
}

extension ByteWriter {
  fileprivate mutating func raw(_ text: StaticString) {
    raw(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// A member that must be text: numbers, which some SDKs send as ids, become it. False, and nothing written, for a value that
  /// is missing.
  mutating func member(_ name: StaticString, text value: BodyParts.Member?) -> Bool {
    guard let value, !value.isMissing else { return false }
    guard value.kind == UInt8(ascii: "0") else {
      member(name, json: value.value)
      return true
    }
    member(name, json: "\"")
    raw(value.value)
    byte(UInt8(ascii: "\""))
    return true
  }
}
