import Foundation
import Testing

@testable import Collector

/// Goal: what PostHog's SDKs and the Measurement Protocol send becomes our events with everything in them. Method: their documents
/// by hand, the records they become.
@Suite struct ProtocolTests {
  private func records(_ body: String, through adapter: any Adapter, answer: String) throws -> [[String: Any]] {
    let test = Collecting()
    #expect(test.send(Array(body.utf8), through: adapter, path: "/").json == answer)
    return try test.log.texts.map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any], "\($0)")
    }
  }

  private func postHog(_ body: String) throws -> [[String: Any]] {
    try records(body, through: PostHogAdapter(), answer: #"{"status":1}"#)
  }

  private func google(_ body: String) throws -> [[String: Any]] {
    try records(body, through: GoogleAdapter(), answer: "")
  }

  @Test func postHogsNamesBecomeOurs() throws {
    let made = try postHog(
      #"""
      {"api_key":"k","sentAt":"2026-03-01T08:59:59Z","batch":[
      {"event":"$pageview","distinct_id":"u1","uuid":"id-1","timestamp":"2026-03-01T10:00:00.5+02:00","properties":{
      "$current_url":"https://x/a","$pathname":"/a","$device_id":"d","$session_id":"s","$os":"Linux","$device_type":"Desktop",
      "$geoip_country_code":"DE","amount":2.50}},
      {"event":"plain","distinct_id":7,"uuid":"id-2","timestamp":null,"properties":null},
      {"event":"own","user_id":"u","event_id":"e","page":{},"device":{},"geo":{},"properties":{"$os":"x"}}]}
      """#)
    #expect(made.count == 3)
    let first = made[0]
    #expect(first["event_id"] as? String == "id-1" && first["event_type"] as? String == "$pageview")
    #expect(first["user_id"] as? String == "u1" && first["anonymous_id"] as? String == "d")
    #expect(first["session_id"] as? String == "s" && first["sent_at"] as? String == "2026-03-01T08:59:59Z")
    #expect(first["page"] as? [String: String] == ["url": "https://x/a", "path": "/a"])
    #expect(first["device"] as? [String: String] == ["type": "Desktop", "os": "Linux"])
    #expect(first["geo"] as? [String: String] == ["country": "DE"])
    #expect((first["properties"] as? [String: Any])?["amount"] as? Double == 2.5)
    #expect(made[1]["user_id"] as? String == "7" && made[1]["timestamp"] as? String == "2026-03-01T08:59:59Z")
    #expect(made[1]["device"] == nil && made[1]["geo"] == nil && made[1]["page"] == nil)
    #expect(made[2]["user_id"] as? String == "u" && made[2]["event_id"] as? String == "e")
  }

  /// PostHog's library for Python sends none, and the same bytes again when it heard no answer.
  @Test func anEventWithoutAnIdCountsOnceAllTheSame() throws {
    func ids(_ events: String, sentAt: Int) throws -> [String] {
      try postHog(#"{"batch":[\#(events)],"sentAt":\#(sentAt)}"#).map { $0["event_id"] as? String ?? "" }
    }
    let (a, b) = (
      #"{"event":"a","distinct_id":"u","timestamp":"2026-03-01T09:00:00.000001Z"}"#, #"{"event":"a","distinct_id":"u"}"#
    )
    let first = try ids("\(a),\(b)", sentAt: 1)
    let second = try ids("\(b),\(a)", sentAt: 2)
    #expect(first[0] == second[1] && first[0].hasPrefix("posthog-"))
    #expect(first[1] != second[0] && first[1].count == 36)
  }

  @Test func theMeasurementProtocolBecomesEvents() throws {
    let body =
      #"{"client_id":"c.1","user_id":"u","timestamp_micros":1772355600123456,"user_properties":{"a":{"value":1}},"events":[{"name":"purchase","params":{"value":9.90,"currency":"EUR"}},{"name":"login","timestamp_micros":"1772355600999000"}]}"#
    let made = try google(body)
    #expect(made.count == 2)
    #expect(made[0]["event_type"] as? String == "purchase" && made[0]["user_id"] as? String == "u")
    #expect(made[0]["anonymous_id"] as? String == "c.1" && made[0]["timestamp"] as? Int == 1_772_355_600_123)
    #expect((made[0]["properties"] as? [String: Any])?["currency"] as? String == "EUR" && made[0]["params"] != nil)
    #expect(made[1]["timestamp"] as? Int == 1_772_355_600_999 && made[1]["user_properties"] != nil)
    let ids = made.map { $0["event_id"] as? String ?? "" }
    #expect(Set(ids).count == 2 && ids.allSatisfy { $0.hasPrefix("ga4-") })
    // Sent again, it is the same; without a time, nobody knows.
    #expect(try google(body).map { $0["event_id"] as? String ?? "" } == ids)
    let timeless = #"{"client_id":"c","events":[{"name":"a"}]}"#
    let (one, two) = (try google(timeless), try google(timeless))
    #expect(one[0]["event_id"] as? String != two[0]["event_id"] as? String)
    #expect(one[0]["timestamp"] as? Int == Int(Collecting.now))
  }

  @Test func documentsThatAreNoneAreRefused() throws {
    let many = #"{"events":[\#(Array(repeating: #"{"name":"a"}"#, count: 26).joined(separator: ","))]}"#
    let test = Collecting()
    for body in ["", "[]", "{}", #"{"batch":1,"events":1}"#] {
      for adapter: any Adapter in [PostHogAdapter(), GoogleAdapter()] {
        #expect(test.send(Array(body.utf8), through: adapter, path: "/").refusal?.kind == .malformed, "\(body)")
      }
    }
    #expect(test.send(Array(many.utf8), through: GoogleAdapter(), path: "/").refusal?.kind == .tooLarge)
    // What cannot be used is for the runtime to quarantine, with its reason.
    #expect(test.send(Array(#"{"batch":[7,{"event":1},{}]}"#.utf8), through: PostHogAdapter(), path: "/").json != nil)
    #expect(test.log.texts.count == 3 && test.log.texts[0] == "7")
  }
}
