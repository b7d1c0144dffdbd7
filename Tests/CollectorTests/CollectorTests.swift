import Basics
import Compressed
import Foundation
import Seeded
import Testing

@testable import Collector

/// Goal: what is answered as taken is in the log as it was sent, what was refused is named, and nothing is answered before it
/// is durable. Method: a collector before a log in memory, which is held, goes away, or fails when told.
@Suite struct CollectorTests {
  private func event(_ id: String, user: String = "u", more: String = "") -> String {
    #"{"event_id":"\#(id)","event_type":"t","user_id":"\#(user)","timestamp":"2026-03-01T08:59:00Z"\#(more)}"#
  }

  private func kept(_ event: String) -> String { event.dropLast() + Collecting.received }

  @Test func recordsAreWhatWasSentAndWhenItCame() throws {
    let test = Collecting()
    let sent = [
      event("1", more: #" , "properties" : { "é\u00e9" : [1.50, -0e1, "}]"] } "#), event("2", user: "other"),
      event("3", more: #","unknown":{"x":null}"#),
    ]
    let answer = try #require(test.send(#"{"events":[\#(sent.joined(separator: " ,\n "))]}"#).json)
    #expect(
      answer.hasPrefix(#"{"accepted":3,"failed":0,"batch_id":""#) && answer.hasSuffix(#"","errors":[]}"#), "\(answer)")
    #expect(test.log.texts == sent.map(kept))
    #expect(test.log.records.map(\.user) == ["u", "other", "u"])
    #expect(test.collector.counts.taken == 3 && test.collector.counts.refused == 0)
  }

  /// Only an event that does not say it itself gets the time of sending of its batch.
  @Test func theTimeOfSendingIsKept() throws {
    let test = Collecting()
    let sent = [event("1"), event("2", more: #","sent_at":7"#), event("3")]
    let answer = test.send(#"{"sent_at":"2026-03-01T08:59:58.500+00:00","events":[\#(sent.joined(separator: ","))]}"#)
    #expect(answer.json?.hasPrefix(#"{"accepted":3,"#) == true)
    let told = #","sent_at":"2026-03-01T08:59:58.500+00:00""#
    #expect(test.log.texts == [kept(event("1", more: told)), kept(sent[1]), kept(event("3", more: told))])
    // What is no time says nothing, and takes no event along.
    for nonsense in ["null", "{}", "[1,2", #""soon""#, #""\"""#, "1x", "true"] {
      _ = test.send(#"{"sent_at":\#(nonsense),"events":[\#(event("4"))]}"#)
    }
    #expect(test.log.texts.dropFirst(3).allSatisfy { $0 == kept(event("4")) })
  }

  @Test func clocksOfSendersAreMeasured() {
    let test = Collecting()
    let bounds = ClientClocks.Distribution.bounds
    func at(_ bound: Int64) -> Int { bounds.firstIndex(of: bound)! }
    // Sent half a second ago; of events that are a minute old, an hour and more, and a day ahead.
    let times = [-60_000, -60_001, -3_600_001, 86_400_000].map { Collecting.now + $0 }
    let events = times.map { #"{"event_id":"\#($0)","event_type":"t","user_id":"u","timestamp":\#($0)}"# }
    _ = test.send(#"{"sent_at":\#(Collecting.now - 500),"events":[\#(events.joined(separator: ",")),{}]}"#)
    _ = test.sendSegment(#"{"sentAt":"2026-03-01T09:00:05Z","batch":[]}"#)
    let (sent, ages) = (test.collector.clocks.sent, test.collector.clocks.events)
    #expect(sent.counts.reduce(0, +) == 2 && sent.counts[at(1_000)] == 1 && sent.counts[at(-5_000)] == 1)
    #expect(sent.sum == -4_500)
    #expect(ages.counts.reduce(0, +) == 4 && ages.counts[at(60_000)] == 1 && ages.counts[at(3_600_000)] == 1)
    #expect(ages.counts[at(86_400_000)] == 1 && ages.counts[at(-86_400_000)] == 1)
    #expect(ages.sum == 60_000 + 60_001 + 3_600_001 - 86_400_000)
    // Times may be anything.
    let far = #"{"event_id":"1","event_type":"t","user_id":"u","timestamp":"0001-01-01T00:00:00Z"}"#
    _ = test.send(#"{"sent_at":-9223372036854775808,"events":[\#(far)]}"#)
    #expect(test.collector.clocks.sent.counts.last == 1 && test.collector.clocks.events.counts.last == 1)
  }

  /// Lines are how logs are shown and moved.
  @Test func aRecordIsOneLine() {
    let test = Collecting()
    _ = test.send("{\"events\":[{\n\"event_id\":\"1\",\n\"event_type\":\"a\\nb\",\"user_id\":\"u\",\"timestamp\":1}]}")
    #expect(
      test.log.texts == [#"{ "event_id":"1", "event_type":"a\nb","user_id":"u","timestamp":1"# + Collecting.received])
    // A break within a text is no JSON, and does not become any.
    let broken = test.send(
      "{\"events\":[{\"event_id\":\"1\",\"event_type\":\"a\nb\",\"user_id\":\"u\",\"timestamp\":1}]}")
    #expect(broken.json?.contains("invalid_json") == true)
  }

  @Test func refusedEventsAreNamedAndTheOthersTaken() throws {
    let test = Collecting()
    let long = String(repeating: "x", count: 65_536)
    let bad: [(String, String)] = [
      ("{}", #""event_id":null,"code":"missing_event_id","field":"event_id""#),
      ("7", #""event_id":null,"code":"not_an_object","field":null"#),
      (#"{"event_id":"b","event_type":tru}"#, #""event_id":null,"code":"invalid_json","field":null"#),
      (
        #"{"event_id":"b","event_type":"t","user_id":"u"}"#,
        #""event_id":"b","code":"missing_timestamp","field":"timestamp""#
      ),
      (event("b", more: #","user_id":"twice""#), #""event_id":"b","code":"repeated_field","field":"user_id""#),
      (event("b", more: #","device":7"#), #""event_id":"b","code":"wrong_type","field":"device""#),
      (event("b", more: #","properties":"\#(long)""#), #""event_id":null,"code":"too_large","field":null"#),
    ]
    for (index, (text, expected)) in bad.enumerated() {
      let answer = try #require(test.send(#"{"events":[\#(event("g\(index)")),\#(text),\#(event("h\(index)"))]}"#).json)
      #expect(answer.hasPrefix(#"{"accepted":2,"failed":1,"#))
      #expect(answer.contains(#""errors":[{"index":1,\#(expected),"message":""#), "\(answer.suffix(300))")
    }
    #expect(test.log.texts == bad.indices.flatMap { [kept(event("g\($0)")), kept(event("h\($0)"))] })
  }

  /// The runtime's limit is of the record, so the time we add counts.
  @Test func theLongestEventIsTheLongestRecord() {
    let test = Collecting()
    let frame = event("1", more: #","properties":{"a":""}"#).utf8.count + Collecting.received.utf8.count - 1
    for (more, isTaken) in [(0, true), (1, false)] {
      let filling = String(repeating: "x", count: 65_536 - frame + more)
      let answer = test.send(#"{"events":[\#(event("1", more: #","properties":{"a":"\#(filling)"}"#))]}"#).json
      #expect(answer?.hasPrefix(#"{"accepted":\#(isTaken ? 1 : 0),"#) == true)
    }
    #expect(test.log.texts.map(\.utf8.count) == [65_536])
  }

  @Test func bodiesAreUsableOrRefusedAsAWhole() {
    let test = Collecting()
    for body in ["", "[]", "{", "null", #"{"event":[]}"#, #"{"events":7}"#, #"{"events":[}"#] {
      #expect(test.send(body).refusal?.kind == .malformed, "\(body)")
    }
    let many = { (count: Int) in #"{"events":[\#(Array(repeating: "{}", count: count).joined(separator: ","))]}"# }
    #expect(test.send(many(500)).json?.hasPrefix(#"{"accepted":0,"failed":500,"#) == true)
    #expect(test.send(many(501)).refusal?.kind == .tooLarge)
    for type in ["text/html", "application/x-www-form-urlencoded", "x"] {
      #expect(test.send(many(1), type: type).refusal?.kind == .unsupported)
    }
    for type in ["application/json; charset=utf-8", "text/plain", "Application/JSON", nil] {
      #expect(test.send(many(1), type: type).json != nil)
    }
    let lines = "\(event("1"))\r\n\n{bad\n\(event("2"))"
    #expect(test.send(lines, type: "application/x-ndjson").json?.contains(#""errors":[{"index":1,"#) == true)
    #expect(test.log.texts == [kept(event("1")), kept(event("2"))])
  }

  @Test func oneEventGetsAnIdWhenItHasNone() throws {
    let test = Collecting()
    #expect(test.sendOne(" \(event("mine")) ").json == #"{"event_id":"mine"}"#)
    #expect(test.log.texts == [kept(event("mine"))])
    for id in ["", #""event_id":null,"#, #""event_id" : "" ,"#] {
      let sent = #"{\#(id)"event_type":"t","user_id":"u","timestamp":1}"#
      let answer = try #require(test.sendOne(sent).json)
      let made = try #require(answer.firstMatch(of: /^{"event_id":"([0-9a-f-]{36})"}$/)?.1)
      #expect(made.hasPrefix("019ca8a0-3e80-7"), "the time it came: \(made)")
      let record = try #require(test.log.texts.last)
      #expect(record.contains(#""\#(made)""#) && record.hasSuffix(Collecting.received))
      #expect(record.components(separatedBy: "event_id").count == 2, "\(record)")
    }
    let refused = test.sendOne(#"{"event_id":7,"event_type":"t","user_id":"u","timestamp":1}"#).refusal
    #expect(refused?.kind == .malformed && refused?.code == "wrong_type" && refused?.field == "event_id")
    #expect(test.sendOne("nonsense").refusal?.code == "invalid_json")
    #expect(test.sendOne("").refusal?.code == "invalid_json")
    #expect(test.log.texts.count == 4)
  }

  @Test func nothingIsAnsweredBeforeItIsDurable() {
    let test = Collecting()
    test.log.hold()
    #expect(test.send(#"{"events":[\#(event("1"))]}"#) == nil)
    #expect(test.collector.counts.taken == 0 && test.collector.bytesInFlight > 0)
    test.log.release()
    #expect(test.collector.counts.taken == 1 && test.collector.bytesInFlight == 0)
    // Nothing to be made durable, nothing to wait for.
    test.log.hold()
    #expect(test.send(#"{"events":[]}"#).json != nil)
  }

  @Test func aLogThatFailsIsNeverAnswerdAsTaken() {
    let test = Collecting()
    test.log.goAway()
    #expect(test.send(#"{"events":[\#(event("1"))]}"#).refusal == Refusal(.away, "away"))
    #expect(test.collector.counts.taken == 0 && test.collector.bytesInFlight == 0)
  }

  @Test func whatIsInFlightIsBounded() {
    var options = Collector.Options()
    options.inFlightBytes = 1_000
    options.bodyBytes = 400
    let test = Collecting(options)
    test.log.hold()
    let body = #"{"events":[\#(event("1", more: #","properties":{"a":"\#(String(repeating: "x", count: 250))"}"#))]}"#
    #expect((300...400).contains(body.utf8.count))
    for _ in 0..<2 { #expect(test.send(body) == nil) }
    for _ in 0..<9 { #expect(test.send(body).refusal?.kind == .busy) }
    // Of unknown length: as if it were the longest.
    #expect(test.collector.admit(bytes: nil) == nil)
    #expect(test.log.records.count == 2)
    test.log.release()
    #expect(test.collector.bytesInFlight == 0 && test.send(body).json != nil)
    #expect(test.send(String(repeating: " ", count: 401)).refusal?.kind == .tooLarge)
  }

  @Test func compressedBodiesAreTheSameWithinBounds() throws {
    var options = Collector.Options()
    options.inflatedBytes = 1 << 20
    options.inFlightBytes = 4 << 20
    let test = Collecting(options)
    for (encoding, packed) in [("gzip", gzip), ("zstd", zstd)] {
      let body = Array(#"{"events":[\#(event(encoding))]}"#.utf8)
      let good = packed(body)
      #expect(test.send(good, encoding: encoding).json?.hasPrefix(#"{"accepted":1,"#) == true)
      #expect(test.send(Array(good.dropLast(3)), encoding: encoding).refusal?.kind == .malformed)
      #expect(test.send(good + [1, 2, 3], encoding: encoding).refusal?.kind == .malformed)
      #expect(test.send(body, encoding: encoding).refusal?.kind == .malformed)
      #expect(test.send(good, encoding: nil).refusal?.kind == .malformed)
      let exact = body + [UInt8](repeating: 32, count: (1 << 20) - body.count)
      #expect(test.send(packed(exact), encoding: encoding).json != nil)
      #expect(test.send(packed(exact + [32]), encoding: encoding).refusal?.kind == .tooLarge)
      #expect(
        test.send(packed([UInt8](repeating: 0, count: 100 << 20)), encoding: encoding).refusal?.kind == .tooLarge)
      #expect(test.collector.bytesInFlight == 0)
    }
    #expect(test.send(Array("{}".utf8), encoding: "br").refusal?.kind == .unsupported)
    options.inFlightBytes = 300 << 10
    let small = Collecting(options)
    let bomb = gzip([UInt8](repeating: 32, count: 1 << 20))
    #expect(small.send(bomb, encoding: "gzip").refusal?.kind == .busy)
    #expect(small.collector.bytesInFlight == 0)
  }

  /// Whatever is sent, it is answered, and what is in the log are records that can be used. `MILLRACE_FUZZ=65000` tries 100,000
  /// of each protocol; `scripts/fuzz-collector` sends such over sockets.
  @Test(arguments: 0..<8) func mutatedBodiesAreAnswered(seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed))
    // What SDKs of others send is kept whatever it is.
    let tests = (0..<5).map { _ in Collecting() }
    let bodies = [
      #"{"events":[\#(event("1")),\#(event("2", more: #","properties":{"a":"\\\"{"}"#))]}"#, event("3"),
      #"{"batch":[{"type":"track","event":"e","messageId":"m","userId":"u","timestamp":"2026-03-01T08:59:00Z","context":{"os":{"name":"x"},"device":{"type":"y"}}}],"sentAt":"2026-03-01T08:59:00Z","writeKey":"k"}"#,
      #"{"api_key":"k","sentAt":"2026-03-01T08:59:59Z","batch":[{"event":"e","distinct_id":"u","timestamp":"2026-03-01T08:59:00Z","properties":{"$current_url":"https://x/a","$ip":"192.0.2.1","$os":"x","$raw_user_agent":"y"}}]}"#,
      #"{"client_id":"c.1","timestamp_micros":1772355600123456,"events":[{"name":"e","params":{"value":9.90}},{"name":"f","timestamp_micros":"1772355600999000"}]}"#,
    ].map { Array($0.utf8) }
    let adapters: [any Adapter] = [EventList(), OneEvent(), SegmentAdapter(), PostHogAdapter(), GoogleAdapter()]
    let paths = ["/events/batch", "/events", "/v1/batch", "/batch/", "/mp/collect"]
    for _ in 0..<(Int(ProcessInfo.processInfo.environment["MILLRACE_FUZZ"] ?? "") ?? 1_500) {
      let which = random.below(adapters.count)
      var body = bodies[which]
      for _ in 0...random.below(4) {
        let place = random.below(body.count)
        switch random.below(5) {
        case 0: body[place] = UInt8(random.below(256))
        case 1: body.remove(at: place)
        case 2: body.insert(random.pick(Array(#"{}[]",:\"#.utf8)), at: place)
        case 3: body.removeSubrange(place..<min(body.count, place + random.below(20)))
        default: body.insert(contentsOf: body[place..<min(body.count, place + random.below(20))], at: place)
        }
        if body.isEmpty { body = [32] }
      }
      let answer = tests[which].send(
        body, through: adapters[which], path: paths[which],
        type: random.chance(20) ? "application/x-ndjson" : nil)
      let text = String(decoding: body, as: UTF8.self)
      switch answer {
      case .taken?: break
      case .refused(let refusal)?: #expect([.malformed, .unsupported].contains(refusal.kind), "\(text)")
      case nil: Issue.record("not answered: \(text)")
      }
    }
    #expect(tests.allSatisfy { $0.collector.bytesInFlight == 0 })
    for record in tests[0].log.texts + tests[1].log.texts {
      let document = try? JSONSerialization.jsonObject(with: Data(record.utf8)) as? [String: Any]
      #expect(document?["received_at"] as? String == "2026-03-01T09:00:00Z", "\(record)")
    }
  }
}
