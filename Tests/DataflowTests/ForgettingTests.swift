import Basics
import Dataflow
import Oracle
import Seeded
import Testing

/// Goal: what a late event can still reach is remembered to the millisecond, and to the bucket. Method: logs whose last event
/// comes exactly at the horizon, committed and released after every record, held against the oracle. Each was seen to fail with
/// a chain that forgets one gap, or one bucket, earlier.
@Suite struct ForgettingTests {
  private static let horizon = 2 * Timestamp.hour
  private static let gap = 10 * Timestamp.minute
  private static let within = Timestamp.hour
  /// A quarter hour.
  private static let quarter: Int64 = 1_772_323_200_000

  private static var topology: Topology {
    var topology = Topology(name: "edges")
    topology.source.horizonMilliseconds = horizon
    topology.gapMilliseconds = gap
    topology.views = [
      ViewDefinition(
        name: "visits",
        kind: .rollup(
          RollupDefinition(
            of: .sessions, by: [Field("event_type")],
            measures: [
              Measure(name: "sessions", function: .count),
              Measure(name: "duration", function: .sum(Field("duration"))),
            ], grains: [GrainDefinition(grain: .minute, retentionMilliseconds: nil)]))),
      ViewDefinition(
        name: "path",
        kind: .funnel(
          FunnelDefinition(
            steps: [
              FunnelDefinition.Step(name: "a", eventType: "a"), FunnelDefinition.Step(name: "b", eventType: "b"),
            ], withinMilliseconds: within))),
    ]
    return topology
  }

  /// (type, client time, stamp)
  private func check(_ events: [(String, Int64, Int64)], counted: Int) throws {
    let records = events.enumerated().map { index, event in
      let bytes = #"{"event_id":"e\#(index)","event_type":"\#(event.0)","user_id":"u","timestamp":\#(event.1)}"#
      return Oracle.Record(bytes: Array(bytes.utf8), stamp: event.2)
    }
    let topology = ForgettingTests.topology
    let oracle = Oracle(topology, [records])
    #expect(oracle.ledgers[0].counted == counted, "the log is not what the test means")
    let plan = try Plan(topology)
    let schedule = Schedule(
      name: "each", bytes: 1 << 20, batches: [1], commitPercent: 100, crashPercent: 0, releasePercent: 100)
    let run = try PartitionRun(plan, records, partition: 0, of: 1, schedule)
    var random = SeededRandom(seed: 1)
    try run.run(&random)
    let answers = try Answers(plan: plan, snapshots: [run.store.snapshot()])
    guard case .rollup(let rollup) = topology.views[0].kind else { return }
    var rows: [ExportRow] = []
    try answers.export(view: "visits", grain: .minute) { rows.append($0) }
    let difference = compare(expected: oracle.export(view: "visits", grain: .minute), actual: rows, of: rollup)
    #expect(difference == nil, "\(difference ?? "")")
    let steps = try answers.funnel(view: "path", start: nil, end: nil, by: false).steps
    let expected = oracle.funnel(view: "path", start: nil, end: nil, by: false).steps
    #expect(steps.map(\.completed) == expected.map(\.completed))
    let (median, exact) = (steps[1].medianMilliseconds, expected[1].medianMilliseconds)
    #expect((median == nil) == (exact == nil))
    if let median, let exact { #expect(abs(median - exact) <= exact / 128, "the median is \(median), not \(exact)") }
  }

  @Test func aSessionIsRememberedAsLongAsAnEventCanJoinIt() throws {
    let start = ForgettingTests.quarter
    let newest = start + ForgettingTests.gap + ForgettingTests.horizon
    try check(
      [("x", start, start), ("y", newest, newest), ("z", start + ForgettingTests.gap, newest)], counted: 3)
    // A millisecond more, and the same event is late.
    try check(
      [("x", start, start), ("y", newest + 1, newest + 1), ("z", start + ForgettingTests.gap, newest + 1)], counted: 2)
  }

  @Test func anEntryIsRememberedAsLongAsAStepCanFollowIt() throws {
    let entry = ForgettingTests.quarter + 15 * Timestamp.minute - 1
    let newest = entry + ForgettingTests.within + ForgettingTests.horizon
    try check([("a", entry, entry), ("c", newest, newest), ("b", entry + ForgettingTests.within, newest)], counted: 3)
  }

  /// The first entry is out of reach, but the time it gave its bucket has to be taken back when a later one gives another.
  @Test func entriesAreForgottenByWholeBuckets() throws {
    let bucket = ForgettingTests.quarter
    let early = bucket + Timestamp.minute
    let late = bucket + 10 * Timestamp.minute
    let newest = bucket + 9 * Timestamp.minute + ForgettingTests.within + ForgettingTests.horizon
    try check(
      [
        ("a", early, early), ("b", early + Timestamp.minute, early + Timestamp.minute), ("a", late, late),
        ("c", newest, newest), ("b", newest - ForgettingTests.horizon, newest),
      ], counted: 5)
  }
}
