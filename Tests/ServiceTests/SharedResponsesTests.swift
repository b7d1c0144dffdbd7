import Basics
import Synchronization
import Testing

@testable import Service

/// Goal: what several ask at once is worked out once, and nobody is given what is older than it may be, of another generation, or
/// a refusal. Method: a clock that stands still.
@Suite struct SharedResponsesTests {
  private final class Clock: Sendable {
    let time = Mutex<Int64>(1_000)
    func set(_ milliseconds: Int64) { time.withLock { $0 = milliseconds } }
  }

  private func numbered(_ count: inout Int, _ status: Int = 200) -> Response {
    count += 1
    return .json("\(count)", status: status)
  }

  @Test func onlyOfTheLastMoment() throws {
    let clock = Clock()
    let shared = SharedResponses(now: { clock.time.withLock { $0 } })
    var made = 0
    func ask(_ question: String, within milliseconds: Int64 = 250, _ status: Int = 200) throws -> String {
      try shared.response(to: question, within: milliseconds) { () throws(Failure) in numbered(&made, status) }.body
    }
    #expect(try ask("a") == "1\n")
    #expect(try ask("a") == "1\n")
    #expect(try ask("b") == "2\n")
    clock.set(1_250)
    #expect(try ask("a") == "1\n")
    clock.set(1_251)
    #expect(try ask("a") == "3\n")
    #expect(try ask("a", within: 0) == "4\n")
    #expect(try ask("c", 503) == "5\n")
    #expect(try ask("c") == "6\n")
  }

  @Test func memoryIsBounded() throws {
    let clock = Clock()
    let shared = SharedResponses(bytes: 10, now: { clock.time.withLock { $0 } })
    var made = 0
    for question in ["a", "b", "c", "d", "e", "f"] {
      _ = try shared.response(to: question, within: 250) { () throws(Failure) in numbered(&made) }
    }
    // Six answers of two bytes are more than ten: all were let go.
    _ = try shared.response(to: "a", within: 250) { () throws(Failure) in numbered(&made) }
    #expect(made == 7)
  }

  /// The clock of the machine: what is shared for an hour is shared for the whole test.
  @Test func aPromotionIsSeenAtOnce() throws {
    let test = try TestNode()
    var api = test.api
    api.sharedMilliseconds = 3_600_000
    let day = [(name: "metric", value: "events"), (name: "granularity", value: "day")]
    let first = api.respond(Request("GET", "/query", query: day))
    try test.append("new", partition: 1)
    while !test.get("/query", day).body.contains(#""value":7"#) {}
    #expect(api.respond(Request("GET", "/query", query: day)) == first)
    // Another question, and the same one of who knows an answer already, are not it.
    #expect(api.respond(Request("GET", "/query", query: day + [("limit", "9")])).body.contains(#""value":7"#))
    var known = Request("GET", "/query", query: day)
    known.headers["if-none-match"] = first.header("ETag")
    #expect(api.respond(known).status == 200 && api.respond(known).body.contains(#""value":7"#))
    let replay = api.respond(
      Request("POST", "/topologies/web/replays", body: Array("{}".utf8), contentType: "application/json"))
    #expect(replay.status == 202, "\(replay.body)")
    while api.respond(Request("POST", "/topologies/web/promote")).status != 200 {}
    let after = api.respond(Request("GET", "/query", query: day))
    #expect(after.body.contains(#""generation":2"#) && after.body.contains(#""value":7"#), "\(after.body)")
  }
}
