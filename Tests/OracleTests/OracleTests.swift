import Basics
import Dataflow
import Oracle
import Testing

/// Goal: the judge is right. Method: scripts small enough to work out by hand.
@Suite struct OracleTests {
  private func topology(
    _ kind: ViewDefinition.Kind, horizon: Int64 = 2 * Timestamp.hour, gap: Int64 = 10 * Timestamp.minute,
    timezone: String = "UTC"
  ) -> Topology {
    var topology = Topology(name: "test")
    topology.source.horizonMilliseconds = horizon
    topology.gapMilliseconds = gap
    topology.timezone = timezone
    topology.views = [ViewDefinition(name: "v", kind: kind)]
    return topology
  }

  private func rollup(
    _ of: RollupDefinition.Subject, by: [String] = [], _ measures: [Measure], grain: Grain = .hour,
    retention: Int64? = nil
  ) -> ViewDefinition.Kind {
    .rollup(
      RollupDefinition(
        of: of, by: by.map { Field($0) }, measures: measures,
        grains: [GrainDefinition(grain: grain, retentionMilliseconds: retention)]))
  }

  private func funnel(
    _ types: [String], within: Int64, by: String? = nil, strict: Bool = false
  ) -> ViewDefinition.Kind {
    .funnel(
      FunnelDefinition(
        steps: types.map { FunnelDefinition.Step(name: $0, eventType: $0) }, withinMilliseconds: within,
        by: by.map { Field($0) }, strictIncrease: strict))
  }

  private let count = Measure(name: "n", function: .count)

  @Test func everyRecordIsJudgedOnce() {
    let script = Script(
      """
      u1 view 09:00 id=a @09:00
      u1 view 09:00 id=a @09:01
      u1 cart 09:00 id=a @09:02
      u2 view 09:00 id=a @09:03
      u1 view 07:04 id=b @09:04
      u1 view 07:04 id=c @09:05
      u1 view 02T09:06 id=d @09:06
      u1 view 02T09:06:01 id=e @09:06
      u1 view 06:00 id=f @08:00
      """)
    let ledger = Oracle(topology(rollup(.events, [count])), [script.records]).ledgers[0]
    var expected = Oracle.Ledger()
    expected.read = 9
    // a of u1 and of u2, b exactly at the horizon, d exactly 24 h ahead.
    expected.counted = 4
    expected.duplicates = 2
    expected.collisions = 1
    // c by a minute, and f, judged by the newest stamp before it and not by its own.
    expected.late = 2
    expected.quarantined = ["future": 1]
    #expect(ledger == expected)
  }

  @Test func idsAreRememberedToTheHour() {
    // Horizon 2 h: 26 hours after the hour 09:00 is 11:00 of the next day, to its end.
    let script = Script(
      """
      u1 view 09:59 id=a @09:59
      u1 view 02T11:00 id=a @02T11:59
      u1 view 02T12:00 id=a @02T12:00
      """)
    let ledger = Oracle(topology(rollup(.events, [count])), [script.records]).ledgers[0]
    #expect([ledger.counted, ledger.duplicates, ledger.collisions] == [2, 1, 1])
  }

  @Test func filesForgetNothing() {
    let script = Script("u1 view 09:00 id=a\nu1 view 20T09:00\nu1 view 01:00\nu1 view 09:00 id=a")
    let ledger = Oracle(topology(rollup(.events, [count])), [script.records]).ledgers[0]
    #expect([ledger.counted, ledger.duplicates, ledger.late] == [3, 1, 0])
  }

  @Test func reasons() {
    let start = #"{"event_id":"a","event_type":"t","timestamp":1"#
    let table: [(String, String)] = [
      ("", "invalid_json"), ("[]", "not_an_object"), (start + #","user_id":"u","user_id":"u"}"#, "repeated_field"),
      (start + "}", "missing_user"), (start + #","user_id":""}"#, "missing_user"),
      (start + #","user_id":1}"#, "wrong_type"),
      (#"{"event_type":"t"}"#, "missing_event_id"), (#"{"event_id":"a"}"#, "missing_event_type"),
      (#"{"event_id":"a","event_type":"t","user_id":"u"}"#, "missing_timestamp"),
      (#"{"event_id":"a","event_type":"t","user_id":"u","timestamp":"2026-02-29T00:00:00Z"}"#, "invalid_timestamp"),
      (start + #","user_id":"u","geo":[]}"#, "wrong_type"), (start + #","user_id":"u","x":1.}"#, "invalid_json"),
    ]
    for (text, reason) in table {
      let record = Oracle.Record(bytes: Array(text.utf8), stamp: nil)
      #expect(Oracle(topology(rollup(.events, [count])), [[record]]).ledgers[0].quarantined == [reason: 1], "\(text)")
    }
  }

  @Test func measures() {
    let amount = Field("properties.amount")
    let view = rollup(
      .events, by: ["geo.country"],
      [
        count, Measure(name: "users", function: .distinct), Measure(name: "sum", function: .sum(amount), scale: 2),
        Measure(name: "avg", function: .avg(amount)), Measure(name: "min", function: .min(amount), scale: 1),
        Measure(name: "max", function: .max(amount)),
        Measure(name: "median", function: .quantile(amount, millionths: 500_000)),
        Measure(
          name: "some", function: .count,
          filter: .not(.compare(amount, .greater, .number(2 * 2_000_000_000_000_000_000)))),
      ])
    let script = Script(
      """
      u1 view 09:00 geo.country=DE properties.amount=1.005
      u2 view 09:59 geo.country=DE properties.amount=-2.005
      u1 view 09:30 geo.country=DE properties.amount="3"
      u1 view 09:30 geo.country=DE properties.amount=1e1
      u1 view 10:00 properties.amount=null
      """)
    let rows = Oracle(topology(view), [script.records]).export(view: "v", grain: .hour)
    // 1.01 - 2.01 + 10; the average of exact numbers; of three the second; text compares with no number, nor its opposite.
    #expect(
      lines(rows)
        == """
        01T10:00  1 1 0.00 - - - - 0
        01T09:00 DE 4 2 9.00 3.000000 -2.0 10.000000 1.005000 2
        """.split(separator: "\n").reversed().joined(separator: "\n"))
  }

  @Test func daysOfAZone() {
    let view = rollup(.events, [count], grain: .day)
    // Kathmandu is 5:45 ahead.
    let script = Script("u1 view 18:14\nu1 view 18:15\nu1 view 02T18:14")
    let rows = Oracle(topology(view, timezone: "Asia/Kathmandu"), [script.records]).export(view: "v", grain: .day)
    #expect(lines(rows) == "28T18:15 1\n01T18:15 2")
  }

  @Test func bucketsShowWhileTheyEndAfterTheRetention() {
    let view = rollup(.events, [count], retention: 3 * Timestamp.hour)
    let script = Script("u1 view 09:00 @09:00\nu1 view 10:00 @10:00\nu1 view 13:00 @13:00")
    let rows = Oracle(topology(view), [script.records]).export(view: "v", grain: .hour)
    #expect(lines(rows) == "01T10:00 1\n01T13:00 1")
  }

  @Test func sessions() {
    let view = rollup(
      .sessions, by: ["geo.country"],
      [
        count, Measure(name: "duration", function: .sum(Field("duration"))),
        Measure(name: "events", function: .avg(Field("events"))), Measure(name: "users", function: .distinct),
        Measure(
          name: "bounces", function: .count,
          filter: .compare(Field("events"), .equal, .number(2_000_000_000_000_000_000))),
      ])
    let script = Script(
      """
      u1 view 09:20 geo.country=US
      u1 view 09:00 geo.country=DE id=b
      u1 view 09:00 geo.country=FR id=a
      u1 view 09:10 geo.country=US
      u1 view 09:30:01 geo.country=US
      u2 view 09:59 geo.country=FR
      u2 view 10:09
      """)
    let rows = Oracle(topology(view), [script.records]).export(view: "v", grain: .hour)
    // u1: 09:00 to 09:20, earliest event a; then 09:30:01 alone. u2: 09:59 to 10:09, in the hour of its start.
    #expect(lines(rows) == "01T09:00 FR 2 1800000 3.000000 2 0\n01T09:00 US 1 0 1.000000 1 1")
  }

  @Test func funnels() {
    let script = Script(
      """
      u1 view 09:00 geo.country=DE
      u1 cart 09:10
      u1 buy 10:00
      u2 view 09:00 geo.country=DE
      u2 view 09:05 geo.country=US
      u2 cart 09:05
      u2 buy 10:05:01
      u3 cart 09:00
      u3 view 09:20 geo.country=DE
      """)
    let steps = ["view", "cart", "buy"]
    let oracle = Oracle(topology(funnel(steps, within: Timestamp.hour, by: "geo.country")), [script.records])
    let answer = oracle.funnel(view: "v", start: nil, end: nil, by: true)
    // Samples to cart: 10 min of u1, and 0 of u2, from its last entry. u2 buys a second too late.
    #expect(line(answer.steps) == "3>3 3>2(0) 2>1(3000000)")
    #expect(
      answer.breakdown!.map { "\($0.value): \(line($0.steps))" } == [
        "DE: 3>3 3>2(300000) 2>1(3000000)", "US: 1>1 1>1(0) 1>0",
      ])
    let later = oracle.funnel(
      view: "v", start: Script.time("09:15"), end: Script.time("09:30"), by: false)
    #expect(line(later.steps) == "1>1 1>0 0>0")

    let strict = Oracle(topology(funnel(steps, within: Timestamp.hour, strict: true)), [script.records])
    // The entry of u2 at 09:05 has no later cart; that at 09:00 has.
    #expect(line(strict.funnel(view: "v", start: nil, end: nil, by: false).steps) == "3>3 3>2(300000) 2>1(3000000)")
  }

  @Test func oneEventMayBeSeveralSteps() {
    let script = Script("u1 view 09:00\nu2 view 09:00\nu2 view 09:01")
    func answer(strict: Bool) -> String {
      let oracle = Oracle(topology(funnel(["view", "view"], within: Timestamp.hour, strict: strict)), [script.records])
      return line(oracle.funnel(view: "v", start: nil, end: nil, by: false).steps)
    }
    #expect(answer(strict: false) == "2>2 2>2(0)")
    #expect(answer(strict: true) == "2>2 2>1(60000)")
  }

  @Test func comparisonsTell() {
    guard
      case .rollup(let rollup) = rollup(
        .events, by: ["geo.country"],
        [
          count, Measure(name: "q", function: .quantile(Field("a"), millionths: 500_000)),
        ])
    else { return }
    func row(_ country: String, _ count: Int128, _ quantile: Int128?) -> ExportRow {
      ExportRow(
        bucket: 0, dimensions: [country],
        measures: [MeasureValue(units: count, scale: 0), MeasureValue(units: quantile, scale: 6)])
    }
    func difference(_ expected: [ExportRow], _ actual: [ExportRow]) -> String? {
      compare(expected: expected, actual: actual, of: rollup)
    }
    #expect(difference([row("DE", 1, 12_800)], [row("DE", 1, 12_900)]) == nil)
    #expect(difference([row("DE", 1, 12_800)], [row("DE", 1, 12_901)])?.contains("q is 0.012901") == true)
    #expect(difference([row("DE", 1, nil)], [row("DE", 1, 0)])?.contains("q is 0.000000, expected nothing") == true)
    #expect(difference([row("DE", 1, 1)], [row("DE", 2, 1)])?.contains("n is 2, expected 1") == true)
    #expect(difference([row("DE", 1, 1)], [row("AT", 1, 1), row("DE", 1, 1)])?.hasPrefix("unexpected") == true)
    #expect(difference([row("AT", 1, 1), row("DE", 1, 1)], [row("DE", 1, 1)])?.hasPrefix("missing") == true)
    // One text to a reader, two to a machine.
    #expect(difference([row("é", 1, 1)], [row("e\u{301}", 1, 1)]) != nil)
  }
}
