import Basics
import Events

/// `POST /events`: one event. An id that is missing is made up here and answered.
public struct OneEvent: Adapter {
  public init() {}

  public func read(_ body: Body, into intake: Intake) throws(Refusal) {
    guard !body.isLines else {
      throw Refusal(.unsupported, "one event is one JSON object; lines of events are for /events/batch")
    }
    // A document that is none is judged like any event that cannot be read.
    let event = body.bytes.trimmed
    guard intake.parts.open(event) == .whole else { return intake.add(event) }
    intake.tellSentAt(intake.parts.member("sent_at"))
    let id = intake.parts.member("event_id")
    guard id?.isMissing ?? true else { return intake.add(event) }
    let made = "\"\(UUIDv7.make(milliseconds: intake.receivedAt))\""
    if let id { return intake.add(event, replacing: (id, made)) { _ in } }
    intake.add(event) { $0.member("event_id", json: made) }
  }

  public func answer(_ intake: Intake) throws(Refusal) -> String {
    if let refused = intake.refused.first {
      throw Refusal(
        .malformed, refused.rejection.message(detail: refused.detail), code: refused.rejection.code,
        field: EventField(rawValue: refused.detail)?.name)
    }
    let id = intake.batch.eventID[0].string
    var json = JSONText()
    json.object { $0.field("event_id", id) }
    return json.text
  }
}

/// `POST /events/batch`: `{"events": [...]}`, or one event per line. Each is taken or refused by itself. A `sent_at` of the
/// document, a time, becomes one of each event that has none.
public struct EventList: Adapter {
  public init() {}

  public func read(_ body: Body, into intake: Intake) throws(Refusal) {
    let found = body.isLines ? intake.parts.openLines(body.bytes) : intake.parts.open(body.bytes, list: "events")
    guard found != .malformed else {
      throw Refusal(.malformed, "the body must be one JSON object with a list of events: {\"events\": [...]}")
    }
    guard found == .whole, intake.parts.eventCount <= Intake.eventLimit else {
      throw Refusal(.tooLarge, "there are more than \(Intake.eventLimit) events in the body; send fewer at a time")
    }
    let sentAt = body.isLines ? nil : intake.tellSentAt(intake.parts.member("sent_at"))
    for index in 0..<intake.parts.eventCount {
      let event = body.bytes.part(intake.parts.events[index])
      if let sentAt, intake.eventParts.open(event) == .whole, intake.eventParts.member("sent_at") == nil {
        intake.add(event) { $0.member("sent_at", json: sentAt.value) }
      } else {
        intake.add(event)
      }
    }
  }

  public func answer(_ intake: Intake) throws(Refusal) -> String {
    var json = JSONText()
    json.object { json in
      json.field("accepted", intake.taken)
      json.field("failed", intake.refused.count)
      json.field("batch_id", UUIDv7.make(milliseconds: intake.receivedAt))
      json.key("errors")
      json.array { json in
        for refused in intake.refused { EventList.write(refused, &json) }
      }
    }
    return json.text
  }

  private static func write(_ refused: Intake.Refused, _ json: inout JSONText) {
    json.object { json in
      json.field("index", refused.index)
      json.field("event_id", refused.eventID)
      json.field("code", refused.rejection.code)
      json.field("field", EventField(rawValue: refused.detail)?.name)
      json.field("message", refused.rejection.message(detail: refused.detail))
    }
  }
}

extension UnsafeRawBufferPointer {
  func part(_ range: ByteRange) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: self[Int(range.offset)..<Int(range.offset + range.length)])
  }

  /// Without the white space around.
  var trimmed: UnsafeRawBufferPointer {
    func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (byte >= 9 && byte <= 13) }
    guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
      return UnsafeRawBufferPointer(rebasing: self[0..<0])
    }
    return UnsafeRawBufferPointer(rebasing: self[first...last])
  }
}

extension ByteWriter {
  /// `,"name":json`
  mutating func member(_ name: StaticString, json: UnsafeRawBufferPointer) {
    byte(UInt8(ascii: ","))
    byte(UInt8(ascii: "\""))
    raw(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    byte(UInt8(ascii: "\""))
    byte(UInt8(ascii: ":"))
    raw(json)
  }

  mutating func member(_ name: StaticString, json: String) {
    var json = json
    json.withUTF8 { member(name, json: UnsafeRawBufferPointer($0)) }
  }
}
