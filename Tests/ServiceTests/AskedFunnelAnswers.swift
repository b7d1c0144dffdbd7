import Foundation
import Runtime
import Service
import Testing

/// Goal: a funnel that no topology declares is asked for, looked at, kept, cancelled, and answers as the declared one does.
/// Method: requests without a server, to a node that computes and to one that does not.
@Suite struct AskedFunnelAnswers {
  private static let checkout =
    #"{"steps":["view_product","add_to_cart",{"event":"purchase","where":"properties.amount > 1"}],"window_hours":24,"#
    + #""breakdown":"geo.country","start_date":"2026-03-01","end_date":"2026-03-01"}"#

  private static func object(_ response: Response) -> [String: Any] {
    (try? JSONSerialization.jsonObject(with: Data(response.bytes))) as? [String: Any] ?? [:]
  }

  private static func ask(_ test: TestNode, _ body: String) -> (response: Response, id: String) {
    let response = test.send("POST", "/funnels", body: body)
    return (response, object(response)["funnel_id"] as? String ?? "")
  }

  private static func result(_ test: TestNode, _ id: String) -> [String: Any] {
    let deadline = Date(timeIntervalSinceNow: 180)
    while test.get("/funnels/\(id)/results").status == 202, Date() < deadline { usleep(2_000) }
    let response = test.get("/funnels/\(id)/results")
    #expect(response.status == 200, "\(response.body)")
    return object(response)
  }

  private static func text(_ value: Any?) -> String {
    let data = try? JSONSerialization.data(withJSONObject: value ?? [], options: [.sortedKeys])
    return String(decoding: data ?? Data(), as: UTF8.self)
  }

  @Test func answersAsTheDeclaredOne() throws {
    let test = try TestNode()
    let (response, id) = AskedFunnelAnswers.ask(test, AskedFunnelAnswers.checkout)
    #expect(response.status == 202 && response.header("Location") == "/funnels/\(id)/results", "\(response.body)")
    let result = AskedFunnelAnswers.result(test, id)
    let declared = AskedFunnelAnswers.object(
      test.get("/funnels/checkout/results", [("by", "true"), ("end_time", "2026-03-02"), ("start_time", "2026-03-01")]))
    #expect(result["state"] as? String == "done")
    for member in ["steps", "breakdown"] {
      #expect(AskedFunnelAnswers.text([result[member]]) == AskedFunnelAnswers.text([declared[member]]), "\(member)")
    }
    #expect(result["events"] as? Int == 9 && result["offsets"] as? [String: Int] == ["0": 7, "1": 2])
    #expect(
      result["start_time"] as? String == "2026-03-01T00:00:00Z"
        && result["end_time"] as? String == "2026-03-02T00:00:00Z")
    // The same question at the same offsets.
    let again = AskedFunnelAnswers.ask(test, AskedFunnelAnswers.checkout)
    #expect(again.id == id && AskedFunnelAnswers.object(again.response)["state"] as? String == "done")
    #expect(AskedFunnelAnswers.result(test, id)["computed_at"] as? String == result["computed_at"] as? String)
    let listed = AskedFunnelAnswers.object(test.get("/funnels"))["funnels"] as? [[String: Any]] ?? []
    #expect(listed.map { "\($0["funnel_id"]!) \($0["state"]!)" } == ["checkout declared", "\(id) done"])
    // One more event: another question.
    try test.append("z1", partition: 1)
    while test.node.topologies[0].statuses[1].offset < 3 { usleep(1_000) }
    let later = AskedFunnelAnswers.ask(test, AskedFunnelAnswers.checkout)
    #expect(later.id != id)
    #expect(AskedFunnelAnswers.result(test, later.id)["offsets"] as? [String: Int] == ["0": 7, "1": 3])
    #expect(test.send("DELETE", "/funnels/\(id)").status == 200)
    #expect(test.get("/funnels/\(id)/results").status == 404)
    #expect(test.send("DELETE", "/funnels/\(id)").status == 404)
  }

  @Test func resultsAndQuestionsOutliveTheProcess() throws {
    let test = try TestNode(starting: false)
    // Nobody computes it here: as if the process had been killed.
    let (response, id) = AskedFunnelAnswers.ask(
      test, #"{"steps":["view_product","add_to_cart"],"within":"90m","mode":"strict_increase"}"#)
    #expect(response.status == 202 && AskedFunnelAnswers.object(response)["state"] as? String == "waiting")
    let waiting = test.get("/funnels/\(id)/results")
    #expect(waiting.status == 202 && waiting.header("Retry-After") == "1" && waiting.body.contains(#""waiting_for":0"#))
    let next = try test.restarted()
    let result = AskedFunnelAnswers.result(next, id)
    #expect(result["offsets"] as? [String: Int] == ["0": 0, "1": 0] && result["events"] as? Int == 0)
    let third = try next.restarted()
    #expect(AskedFunnelAnswers.text(AskedFunnelAnswers.result(third, id)) == AskedFunnelAnswers.text(result))
  }

  @Test func tooManyAreRefusedAndCancelledOnesMakeRoom() throws {
    let test = try TestNode(starting: false)
    func body(_ hours: Int) -> String { #"{"steps":["a","b"],"window_hours":\#(hours)}"# }
    let ids = (1...16).map { AskedFunnelAnswers.ask(test, body($0)).id }
    #expect(Set(ids).count == 16)
    let refused = AskedFunnelAnswers.ask(test, body(17)).response
    #expect(refused.status == 429 && refused.header("Retry-After") == "5", "\(refused.body)")
    #expect(AskedFunnelAnswers.ask(test, body(16)).response.status == 202, "what waits already is not another one")
    #expect(AskedFunnelAnswers.object(test.get("/funnels/\(ids[3])/results"))["waiting_for"] as? Int == 3)
    #expect(test.send("DELETE", "/funnels/\(ids[0])").status == 200)
    #expect(AskedFunnelAnswers.object(test.get("/funnels/\(ids[3])"))["waiting_for"] as? Int == 2)
    #expect(AskedFunnelAnswers.ask(test, body(17)).response.status == 202)
  }

  @Test func messagesNameTheMember() throws {
    let test = try TestNode(starting: false)
    for (body, message) in [
      ("", "the body is not a JSON object"), ("[]", "the body is not a JSON object"),
      (#"{"stepz":[]}"#, "there is no 'stepz'; did you mean 'steps'?"),
      ("{}", "steps: is a list of event types, or of {event, where, name}, in the order of the funnel"),
      (
        #"{"steps":["a",{"event":"b","wher":"x"}],"window_hours":1}"#,
        "there is no steps[1].'wher'; did you mean 'where'?"
      ),
      (#"{"steps":["a",7],"window_hours":1}"#, "steps[1]: is an event type, or {event, where, name}"),
      (#"{"steps":["a"],"window_hours":1}"#, "steps: a funnel has 2 to 20 steps, not 1"),
      (#"{"steps":["a","b"]}"#, "window_hours: is the number of hours from the first step to the last"),
      (#"{"steps":["a","b"],"window_hours":0}"#, "window_hours: 0 is not a number of hours above 0"),
      (#"{"steps":["a","b"],"window_hours":1,"within":"1h"}"#, "within: says the same as window_hours; leave one out"),
      (#"{"steps":["a","b"],"within":"soon"}"#, "within: 'soon' is not a duration such as 30m, 24h or 7d"),
      (#"{"steps":["a","b"],"window_hours":1,"where":"geo.country ="}"#, "where: column 14: "),
      (
        #"{"steps":["a","b"],"window_hours":1,"breakdown":"country"}"#,
        "breakdown: column 1: there is no field 'country'"
      ),
      (
        #"{"steps":["a","b"],"window_hours":1,"start_date":"March"}"#,
        "start_date: 'March' is not a date such as 2026-03-01"
      ),
      (
        #"{"steps":["a","b"],"window_hours":1,"start_date":"2026-03-02","end_date":"2026-03-01"}"#,
        "end_date: is before start_date"
      ),
      (#"{"steps":["a","b"],"window_hours":1,"mode":"strict"}"#, "mode: there is no 'strict'"),
      (#"{"steps":["a","b"],"window_hours":1,"topology":"app"}"#, "there is no topology 'app'; there is web"),
      (
        #"{"steps":["a","b"],"window_hours":1,"start_time":"2026-03-01T12:01:00Z"}"#,
        "start_time: 2026-03-01T12:01:00Z is not a quarter hour"
      ),
    ] {
      let refused = test.send("POST", "/funnels", body: body)
      #expect(refused.status == 400, "\(body): \(refused.body)")
      let detail = AskedFunnelAnswers.object(refused)["detail"] as? String ?? ""
      #expect(detail.hasPrefix(message), "\(body): \(detail)")
    }
    #expect(test.get("/funnels/asked-0/results").status == 404)
    #expect(test.get("/funnels/asked-0/users", [("step", "1")]).status == 404)
    #expect(test.send("PUT", "/funnels").header("Allow") == "GET, HEAD, POST")
  }

  /// 0.5 and 1.1 hours are whole milliseconds, whatever binary fractions make of them.
  @Test func hoursMayBeFractions() throws {
    let test = try TestNode(starting: false)
    for (hours, seconds) in [("0.5", "1800.000"), ("1.1", "3960.000"), ("24", "86400.000"), ("168", "604800.000")] {
      let id = AskedFunnelAnswers.ask(test, #"{"steps":["a","b"],"window_hours":\#(hours)}"#).id
      #expect(test.get("/funnels/\(id)").body.contains(#""within_seconds":\#(seconds),"#), "\(hours)")
    }
  }
}
