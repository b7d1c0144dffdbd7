import Basics
import Dataflow
import Foundation
import Oracle
import Seeded
import Testing

/// Goal: live equals replay equals the oracle, cell by cell, whatever the batches, commits, crashes, memory and order.
/// Method: a seed drives topology, log and schedules. `scripts/sim 4711` repeats one; MILLRACE_SIM_SEEDS is how many.
@Suite struct SimulationTests {
  static let seeds: [UInt64] = {
    let environment = ProcessInfo.processInfo.environment
    if let one = environment["MILLRACE_SIM_SEED"].flatMap(UInt64.init) { return [one] }
    return (0..<(environment["MILLRACE_SIM_SEEDS"].flatMap(UInt64.init) ?? 40)).map { 1_000 + $0 }
  }()

  @Test(arguments: seeds)
  func liveEqualsReplayEqualsOracle(seed: UInt64) {
    do throws(Failure) {
      var scenario = Scenario(seed: seed)
      if let difference = try scenario.difference() { Issue.record("seed \(seed): \(difference)") }
    } catch {
      Issue.record("seed \(seed): \(error)")
    }
  }

  /// More ids than memory holds: they become runs, runs are merged and dropped, and resends are found wherever they are.
  /// A cell for each id: more than fit into one block of a bucket.
  @Test func manyIdsAreRememberedAndCountedExactly() throws {
    var random = SeededRandom(seed: 4711)
    var topology = Topology(name: "ids")
    topology.source.horizonMilliseconds = 2 * Timestamp.hour
    let rollup = RollupDefinition(
      of: .events, by: [Field("event_id")], measures: [Measure(name: "n", function: .count)],
      grains: [GrainDefinition(grain: .day, retentionMilliseconds: nil)])
    topology.views = [ViewDefinition(name: "v", kind: .rollup(rollup))]
    var stamp: Int64 = 1_772_900_000_000
    var records: [Oracle.Record] = []
    for index in 0..<28_000 {
      // First so many in a short time that runs are merged, then so few that they expire.
      stamp += random.time(0...(index < 23_000 ? 1_000 : 60_000))
      let id = random.chance(15) ? random.number(0...index) : index
      let bytes =
        #"{"event_id":"\#(id)","event_type":"t","user_id":"u\#(id % 50)","timestamp":\#(stamp - random.time(0...1_000))}"#
      records.append(Oracle.Record(bytes: Array(bytes.utf8), stamp: stamp))
    }
    var schedule = Schedule.replay
    (schedule.bytes, schedule.batches) = (64 << 10, [50, 1_500])
    (schedule.commitPercent, schedule.crashPercent) = (60, 5)
    let plan = try Plan(topology)
    let run = try PartitionRun(plan, records, partition: 0, of: 1, schedule)
    try run.run(&random)
    let oracle = Oracle(topology, [records])
    let expected = oracle.ledgers[0]
    #expect(expected.collisions > 1_000)
    #expect(
      [run.ledger.read, run.ledger.counted, run.ledger.duplicates, run.ledger.collisions].map { Int($0) }
        == [expected.read, expected.counted, expected.duplicates, expected.collisions])
    var rows: [ExportRow] = []
    let answers = try Answers(plan: plan, snapshots: [run.store.snapshot()])
    try answers.export(view: "v", grain: .day) { rows.append($0) }
    let difference = compare(expected: oracle.export(view: "v", grain: .day), actual: rows, of: rollup)
    #expect(difference == nil, "\(difference ?? "")")
  }

  /// More users than memory holds: those not used for longest are released and read again.
  @Test func manyUsersAreReleasedAndReadAgain() throws {
    var random = SeededRandom(seed: 4711)
    var topology = Topology(name: "users")
    let rollup = RollupDefinition(
      of: .sessions, by: [Field("event_type")], measures: [Measure(name: "users", function: .distinct)],
      grains: [GrainDefinition(grain: .hour, retentionMilliseconds: nil)])
    let steps = ["a", "b"].map { FunnelDefinition.Step(name: $0, eventType: $0) }
    topology.views = [
      ViewDefinition(name: "v", kind: .rollup(rollup)),
      ViewDefinition(name: "f", kind: .funnel(FunnelDefinition(steps: steps, withinMilliseconds: Timestamp.hour))),
    ]
    var stamp: Int64 = 1_772_900_000_000
    let records = (0..<14_000).map { index in
      stamp += random.time(0...1_000)
      let user = random.chance(50) ? random.number(0...2_000) : random.number(0...9_000)
      let bytes =
        #"{"event_id":"\#(index)","event_type":"\#(random.pick(["a", "b"]))","user_id":"u\#(user)","timestamp":\#(stamp)}"#
      return Oracle.Record(bytes: Array(bytes.utf8), stamp: stamp)
    }
    var schedule = Schedule.replay
    (schedule.bytes, schedule.batches, schedule.commitPercent) = (4 << 20, [100, 500], 40)
    let plan = try Plan(topology)
    let run = try PartitionRun(plan, records, partition: 0, of: 1, schedule)
    try run.run(&random)
    let oracle = Oracle(topology, [records])
    let answers = try Answers(plan: plan, snapshots: [run.store.snapshot()])
    var rows: [ExportRow] = []
    try answers.export(view: "v", grain: .hour) { rows.append($0) }
    let visits = compare(expected: oracle.export(view: "v", grain: .hour), actual: rows, of: rollup)
    #expect(visits == nil, "\(visits ?? "")")
    let funnel = compare(
      expected: oracle.funnel(view: "f", start: nil, end: nil, by: false),
      actual: try answers.funnel(view: "f", start: nil, end: nil, by: false))
    #expect(funnel == nil, "\(funnel ?? "")")
  }

  /// The last entry of a bucket that reaches a step gives its time, so the entry it takes the place of must be known still.
  @Test func entriesOfABucketAreForgottenTogether() throws {
    var topology = Topology(name: "edge")
    topology.source.horizonMilliseconds = 90 * Timestamp.minute
    let steps = ["a", "b"].map { FunnelDefinition.Step(name: $0, eventType: $0) }
    let funnel = FunnelDefinition(steps: steps, withinMilliseconds: 10 * Timestamp.minute)
    topology.views = [ViewDefinition(name: "f", kind: .funnel(funnel))]
    // At 10:44 the horizon is 09:14, so 09:04 is as far back as anything can matter, but for the quarter it lies in.
    let script = [
      ("a", "09:01", "09:08"), ("b", "09:05", "09:08"), ("a", "09:08", "09:08"), ("a", "10:44", "10:44"),
      ("b", "09:15", "10:44"),
    ]
    let records = script.enumerated().map { index, line in
      func time(_ clock: String) -> Int64 { Timestamp("2026-03-01T\(clock):00Z")!.milliseconds }
      let bytes =
        #"{"event_id":"\#(index)","event_type":"\#(line.0)","user_id":"u","timestamp":\#(time(line.1))}"#
      return Oracle.Record(bytes: Array(bytes.utf8), stamp: time(line.2))
    }
    var random = SeededRandom(seed: 1)
    var schedule = Schedule.replay
    (schedule.batches, schedule.commitPercent) = ([1], 100)
    let plan = try Plan(topology)
    let run = try PartitionRun(plan, records, partition: 0, of: 1, schedule)
    try run.run(&random)
    let answer = try Answers(plan: plan, snapshots: [run.store.snapshot()]).funnel(
      view: "f", start: nil, end: nil, by: false)
    #expect(answer.steps[1].completed == 1)
    // From 09:08 to 09:15, within the histogram's tolerance; four minutes would be from 09:01.
    let difference = compare(
      expected: Oracle(topology, [records]).funnel(view: "f", start: nil, end: nil, by: false), actual: answer)
    #expect(difference == nil, "\(difference ?? "")")
  }

  /// One text to a reader, two to a machine: as a value, in conditions and in names of fields.
  @Test func textsAreComparedByTheirBytes() throws {
    let (composed, decomposed) = ("\u{e9}", "e\u{301}")
    func tagged(_ name: String) -> Field { Field(path: ["properties", name]) }
    let rollup = RollupDefinition(
      of: .events, by: [tagged(composed), tagged(decomposed)],
      measures: [composed, decomposed].map { text in
        Measure(
          name: "of \(text.utf8.count)", function: .count, filter: .compare(Field("event_type"), .equal, .text(text)))
      }, grains: [GrainDefinition(grain: .hour, retentionMilliseconds: nil)])
    var topology = Topology(name: "texts")
    topology.views = [ViewDefinition(name: "v", kind: .rollup(rollup))]
    let bytes =
      #"{"event_id":"1","event_type":"\#(composed)","user_id":"u","timestamp":1,"properties":{"\#(decomposed)":"x"}}"#
    let run = try PartitionRun(
      try Plan(topology), [Oracle.Record(bytes: Array(bytes.utf8), stamp: nil)], partition: 0, of: 1, .replay)
    var random = SeededRandom(seed: 1)
    try run.run(&random)
    var rows: [ExportRow] = []
    try Answers(plan: try Plan(topology), snapshots: [run.store.snapshot()]).export(view: "v", grain: .hour) {
      rows.append($0)
    }
    #expect(rows.map(\.dimensions) == [["", "x"]])
    #expect(rows.map { $0.measures.map(\.text) } == [["1", "0"]])
  }
}
