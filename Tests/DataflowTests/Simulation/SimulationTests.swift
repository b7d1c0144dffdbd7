import Basics
import Dataflow
import Foundation
import Oracle
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
    for index in 0..<24_000 {
      stamp += random.time(0...10_000)
      let id = random.chance(15) ? random.number(0...index) : index
      let bytes =
        #"{"event_id":"\#(id)","event_type":"t","user_id":"u\#(id % 50)","timestamp":\#(stamp - random.time(0...1_000))}"#
      records.append(Oracle.Record(bytes: Array(bytes.utf8), stamp: stamp))
    }
    var schedule = Schedule.replay
    (schedule.bytes, schedule.batches) = (64 << 10, [100, 2_000])
    (schedule.commitPercent, schedule.crashPercent) = (40, 5)
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
}
