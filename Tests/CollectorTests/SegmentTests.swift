import Basics
import Foundation
import Testing

@testable import Collector

/// Goal: what Segment's and RudderStack's SDKs send becomes our events with everything in them, and nothing that one event is
/// makes the batch be refused. Method: their documents by hand, the records they become.
@Suite struct SegmentTests {
  private func record(_ event: String, _ batch: String = "") throws -> [String: Any] {
    let test = Collecting()
    let answer = test.sendSegment(#"{"batch":[\#(event)]\#(batch)}"#)
    #expect(answer.json == #"{"success":true}"#)
    let text = try #require(test.log.texts.first)
    // Everything sent is there to the byte.
    #expect(text.contains(event.dropLast()) || event.contains("null"), "\(text)")
    return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test func namesBecomeOurs() throws {
    let made = try record(
      #"{"type":"track","event":"Order Completed","messageId":"m-1","userId":"u1","anonymousId":"a1","timestamp":"2026-03-01T10:00:00.123456+02:00","properties":{"amount":3},"context":{"os":{"name":"iOS"},"device":{"type":"phone","model":"x"},"location":{"country":"DE"},"page":{"path":"/a"},"library":{"name":"l"}},"integrations":{}}"#,
      #","sentAt":"2026-03-01T08:00:01.000Z""#)
    #expect(made["event_id"] as? String == "m-1" && made["event_type"] as? String == "Order Completed")
    #expect(made["user_id"] as? String == "u1" && made["anonymous_id"] as? String == "a1")
    #expect(made["device"] as? [String: String] == ["type": "phone", "model": "x", "os": "iOS"])
    #expect(
      made["geo"] as? [String: String] == ["country": "DE"] && made["page"] as? [String: String] == ["path": "/a"])
    #expect(made["sentAt"] as? String == "2026-03-01T08:00:01.000Z")
    #expect(made["timestamp"] as? String == "2026-03-01T10:00:00.123456+02:00")
    #expect(made["received_at"] as? String == "2026-03-01T09:00:00Z")
  }

  @Test func whatIsMissingIsMadeUp() throws {
    let null = try record(
      #"{"type":"identify","event":null,"messageId":null,"userId":7,"anonymousId":null,"timestamp":null,"originalTimestamp":null,"context":null,"properties":null,"traits":{"a":null}}"#
    )
    #expect(null["event_type"] as? String == "identify" && null["user_id"] as? String == "7")
    #expect((null["event_id"] as? String)?.count == 36 && null["timestamp"] as? String == "2026-03-01T09:00:00Z")
    #expect(null["anonymous_id"] == nil && null["device"] == nil)
    let original = try record(
      #"{"type":"page","anonymousId":"a","messageId":"m","originalTimestamp":"2026-03-01T07:00:00Z","context":{"os":{"name":"Linux"}}}"#,
      #","context":{"os":{"name":"no"}}"#)
    #expect(original["timestamp"] as? String == "2026-03-01T07:00:00Z")
    #expect(original["device"] as? [String: String] == ["os": "Linux"])
    let shared = try record(#"{"type":"page","userId":"u"}"#, #","context":{"page":{"path":"/b"}}"#)
    #expect(shared["page"] as? [String: String] == ["path": "/b"] && shared["context"] != nil)
    let own = try record(
      #"{"type":"track","event_id":"e","event_type":"t","user_id":"u","device":{},"geo":{},"page":{},"messageId":"m","userId":"v","context":{"page":{},"device":{"a":1},"location":{}}}"#
    )
    #expect(
      own["event_id"] as? String == "e" && own["event_type"] as? String == "t" && own["user_id"] as? String == "u")
  }

  @Test func oneEventHasAPathOfItsOwn() throws {
    for (path, type) in [("/v1/track", "track"), ("/v1/page", "page"), ("/v1/i", "identify")] {
      let test = Collecting()
      #expect(test.sendSegment(#"{"userId":"u","messageId":"m"}"#, path: path).json == #"{"success":true}"#)
      #expect(test.log.texts.first?.contains(#""event_type":"\#(type)""#) == true)
    }
    #expect(!SegmentAdapter.isPath("/v1/nothing") && SegmentAdapter.isPath("/v1/batch"))
  }

  @Test func badEventsAreAppendedAsTheyCame() {
    let test = Collecting()
    let long = #"{"type":"track","userId":"u","x":"\#(String(repeating: "x", count: 70_000))"}"#
    let answer = test.sendSegment(
      #"{"batch":[7,{"type":tru},{"type":"track"},\#(long),{"type":"track","userId":"u","device":7}]}"#)
    #expect(answer.json == #"{"success":true}"#)
    #expect(test.log.texts.count == 5 && test.log.texts[0] == "7" && test.log.texts[1].hasPrefix(#"{"type":tru"#))
    #expect(test.log.texts[3].utf8.count == 65_537)
    #expect(test.log.records.map(\.user) == ["", "", "", "", "u"])
    for body in ["", "[]", #"{"batch":7}"#, "{"] { #expect(test.sendSegment(body).refusal?.kind == .malformed) }
  }

  @Test func theKeyMayBeInTheBody() {
    let test = Collecting()
    func send(_ body: String) -> Collector.Answer? {
      test.send(Array(body.utf8), through: SegmentAdapter(), path: "/v1/batch") { key in
        key == "good" ? .accepted : key == "fast" ? .tooFast(seconds: 3) : .unknownKey
      }
    }
    #expect(send(#"{"batch":[{"type":"track","userId":"u"}],"writeKey":"good"}"#).json != nil)
    #expect(send(#"{"batch":[{"type":"track","userId":"u"}],"writeKey":"bad"}"#).refusal?.kind == .unknownKey)
    #expect(send(#"{"batch":[{"type":"track","userId":"u"}]}"#).refusal?.kind == .unknownKey)
    #expect(send(#"{"batch":[],"writeKey":"fast"}"#).refusal?.kind == .tooFast(seconds: 3))
    #expect(test.log.records.count == 1)
    // An adapter that does not ask for a key lets nobody in where one is needed.
    let unasked = test.send(Array(#"{"events":[]}"#.utf8)) { _ in .accepted }
    #expect(unasked.refusal?.kind == .unknownKey)
  }
}
