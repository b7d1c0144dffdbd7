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

  /// The second step as given; the third is done by those who did the second. Bob took 600 and 1,200 seconds, which the
  /// histogram of times knows within 0.8 %.
  private func steps(_ entered: Int, _ first: Int, _ firstRate: String, _ second: Int, _ rate: String) -> String {
    let (toCart, toPurchase) = second > 0 ? ("602.111", "1204.223") : ("null", "null")
    let lastRate = second > 0 ? "1.000000" : "null"
    return #""steps":[{"name":"view_product","users_entered":\#(entered),"users_completed":\#(first),"#
      + #""conversion_rate":\#(firstRate),"median_seconds_from_previous":null},"#
      + #"{"name":"add_to_cart","users_entered":\#(first),"users_completed":\#(second),"conversion_rate":\#(rate),"#
      + #""median_seconds_from_previous":\#(toCart)},"#
      + #"{"name":"purchase","users_entered":\#(second),"users_completed":\#(second),"conversion_rate":\#(lastRate),"#
      + #""median_seconds_from_previous":\#(toPurchase)}]"#
  }
}
