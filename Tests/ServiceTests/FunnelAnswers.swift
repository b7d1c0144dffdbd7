import Service
import Testing

/// Goal: `GET /funnels/{view}/results` answers in exactly the promised shape. Method: as for queries.
@Suite struct FunnelAnswers {
  private let end = #""freshness_seconds":0,"complete_until":"T","generation":1,"offsets":{"0":7,"1":2}}"#

  @Test func stepsOfAllUsers() throws {
    let test = try TestNode()
    #expect(
      test.text("/funnels/checkout/results")
        == "{\(steps(3, 3, "1.000000", 1, "0.333333")),\"computed_at\":\"T\",\(end)\n")
  }

  @Test func breakdownHasARowForThoseWithoutAValue() throws {
    let test = try TestNode()
    let rows = [
      "{\"value\":null,\(steps(1, 1, "1.000000", 0, "0.000000"))}",
      "{\"value\":\"DE\",\(steps(1, 1, "1.000000", 1, "1.000000"))}",
      "{\"value\":\"FR\",\(steps(1, 1, "1.000000", 0, "0.000000"))}",
    ]
    #expect(
      test.text("/funnels/checkout/results", [("by", "true")])
        == "{\(steps(3, 3, "1.000000", 1, "0.333333")),\"computed_at\":\"T\",\"breakdown\":[\(rows.joined(separator: ","))],\(end)\n"
    )
  }

  @Test func boundsConcernEntries() throws {
    let test = try TestNode()
    let query = [("start_time", "2026-03-01T12:15:00Z"), ("end_time", "2026-03-02"), ("topology", "web")]
    #expect(
      test.text("/funnels/checkout/results", query)
        == "{\(steps(1, 1, "1.000000", 0, "0.000000")),\"computed_at\":\"T\",\(end)\n")
    #expect(
      test.text("/funnels/checkout/results", [("end_time", "2026-03-01T12:15:00Z")])
        == "{\(steps(2, 2, "1.000000", 1, "0.500000")),\"computed_at\":\"T\",\(end)\n")
    #expect(
      test.text("/funnels/checkout/results", [("start_time", "2026-03-02")])
        == "{\(steps(0, 0, "null", 0, "null")),\"computed_at\":\"T\",\(end)\n")
  }

  @Test func timesBetweenSteps() throws {
    let test = try TestNode()
    let answer = test.text("/funnels/checkout/results", [("histogram", "true")])
    #expect(
      answer.contains(#""times_from_previous":[{"from_seconds":524.288,"to_seconds":655.360,"count":1}]"#), "\(answer)")
    #expect(answer.contains(#""times_from_previous":[{"from_seconds":1048.576,"to_seconds":1310.720,"count":1}]"#))
  }

  @Test func trendByDayOfEntries() throws {
    let test = try TestNode()
    #expect(
      test.text("/funnels/checkout/results", [("trend", "day"), ("timezone", "Asia/Tokyo")])
        == "{\(steps(3, 3, "1.000000", 1, "0.333333")),\"computed_at\":\"T\",\"trend\":["
        + "{\"timestamp\":\"2026-02-28T15:00:00Z\",\(steps(3, 3, "1.000000", 1, "0.333333"))}],\(end)\n")
    // 1 March 2026 is a Sunday.
    let weeks = test.text("/funnels/checkout/results", [("trend", "week")])
    #expect(weeks.contains(#""trend":[{"timestamp":"2026-02-23T00:00:00Z""#), "\(weeks)")
  }

  @Test func theLargestValuesOfABreakdown() throws {
    let test = try TestNode()
    let answer = test.text("/funnels/checkout/results", [("by", "true"), ("limit", "2")])
    #expect(answer.contains(#""breakdown":[{"value":null,"#) && answer.contains(#"{"value":"DE","#), "\(answer)")
    #expect(!answer.contains(#"{"value":"FR""#) && answer.contains(#""breakdown_values":3,"#))
  }

  @Test func whoStoppedAtAStep() throws {
    let test = try TestNode()
    func users(_ query: [(name: String, value: String)]) -> String { test.text("/funnels/checkout/users", query) }
    #expect(
      users([("step", "1"), ("stopped", "true")])
        == #"{"users":["ada","cid"],"next_cursor":null,"total":2,\#(end)\#n"#)
    #expect(users([("step", "1")]).hasPrefix(#"{"users":["ada","bob","cid"],"next_cursor":null,"total":3,"#))
    #expect(users([("step", "3"), ("stopped", "true")]).hasPrefix(#"{"users":["bob"],"next_cursor":null,"total":1,"#))
    #expect(
      users([("step", "1"), ("limit", "2")]).hasPrefix(#"{"users":["ada","bob"],"next_cursor":"u626f62","total":3,"#))
    #expect(
      users([("step", "1"), ("limit", "2"), ("cursor", "u626f62")])
        .hasPrefix(#"{"users":["cid"],"next_cursor":null,"total":3,"#))
    #expect(users([("step", "1"), ("start_time", "2026-03-01T12:15:00Z")]).hasPrefix(#"{"users":["ada"],"#))
    for (query, message) in [
      ([], "step is missing: the number of a step, the first one is 1"),
      ([("step", "4")], "funnel 'checkout' has steps 1 to 3, not 4"),
      ([("step", "1"), ("cursor", "626f62")], "cursor: '626f62' is not the next_cursor of an answer"),
      ([("step", "1"), ("limit", "0")], "limit: '0' is not a number of users from 1 to 10,000"),
    ] as [([(name: String, value: String)], String)] {
      let refused = test.get("/funnels/checkout/users", query)
      #expect(refused.status == 400 && refused.body.contains(message), "\(refused.body)")
    }
    #expect(test.get("/funnels/traffic/users", [("step", "1")]).status == 404)
  }

  /// The second step as given; the third is done by those who did the second. Bob took 600 and 1,200 seconds, which the
  /// histogram of times knows within 0.8 %.
  private func steps(_ entered: Int, _ first: Int, _ firstRate: String, _ second: Int, _ rate: String) -> String {
    let (toCart, toPurchase) = second > 0 ? ("602.111", "1204.223") : ("null", "null")
    let lastRate = second > 0 ? "1.000000" : "null"
    let fromFirst = first > 0 ? rate : "null"
    let firstOfFirst = first > 0 ? "1.000000" : "null"
    return #""steps":[{"name":"view_product","users_entered":\#(entered),"users_completed":\#(first),"#
      + #""conversion_rate":\#(firstRate),"conversion_from_first":\#(firstOfFirst),"median_seconds_from_previous":null},"#
      + #"{"name":"add_to_cart","users_entered":\#(first),"users_completed":\#(second),"conversion_rate":\#(rate),"#
      + #""conversion_from_first":\#(fromFirst),"median_seconds_from_previous":\#(toCart)},"#
      + #"{"name":"purchase","users_entered":\#(second),"users_completed":\#(second),"conversion_rate":\#(lastRate),"#
      + #""conversion_from_first":\#(fromFirst),"median_seconds_from_previous":\#(toPurchase)}]"#
  }
}
