import Basics
import Dataflow
import Oracle
import Seeded
import Stores
import Testing

/// Goal: the last value of every key that was written is what the state holds, whatever the commits, crashes and deaths in the
/// middle of writing. Method: a seed drives topology, log and schedule; what is left in the topic is held against all of the
/// state's cells, read at once, and for sessions against a run that committed after every record.
@Suite struct OutputTests {
  @Test(arguments: (0..<24).map { UInt64(7_000 + $0) })
  func whatWasWrittenIsWhatStands(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var topologies = RandomTopology(random: SeededRandom(seed: random.next()))
    var topology = topologies.make()
    // What expires is left as it last was: another matter.
    for index in topology.views.indices { topology.views[index].kind = OutputTests.forever(topology.views[index].kind) }
    var outputs = Outputs()
    for view in topology.views { outputs.topics[.view(view.name)] = "out.\(view.name)" }
    if Outputs.canWrite(.sessions, of: topology) { outputs.topics[.sessions] = "out.sessions" }
    var log = RandomLog(
      random: SeededRandom(seed: random.next()), topology: topology, hasStamps: random.chance(75), partitions: 1)
    let records = log.make(count: random.pick([30, 200, 500]))[0]
    let plan = try Plan(topology)

    func run(_ schedule: Schedule, diePercent: Int) throws -> (topic: Topic, store: Store) {
      let topic = Topic(
        plan, outputs, partition: 0, diePercent: diePercent, SeededRandom(seed: random.next()))
      let run = try PartitionRun(plan, records, partition: 0, of: 1, schedule, outputs: outputs, topic: topic)
      try run.run(&random)
      try topic.beforeCommit(run.store)
      return (topic, run.store)
    }
    let live = try run(.live(&random), diePercent: 30)
    let each = try run(
      Schedule(
        name: "each", bytes: 1 << 20, batches: [1], commitPercent: 100, crashPercent: 0, releasePercent: 10),
      diePercent: 0)
    let whole = try Topic.whole(plan, outputs, partition: 0, live.store)
    for (topic, name) in [(live.topic, "live"), (each.topic, "each")] {
      let cells = topic.standing.filter { $0.key.starts(with: Array("view".utf8)) }
      let expected = whole.filter { $0.key.starts(with: Array("view".utf8)) }
      #expect(difference(cells, expected) == nil, "seed \(seed), \(name)")
    }
    #expect(difference(live.topic.standing, each.topic.standing) == nil, "seed \(seed): sessions")
    // Sessions that may still change are among those that stand.
    for (key, value) in whole where key.starts(with: Array("sessions".utf8)) {
      #expect(live.topic.standing[key] == value)
    }
  }

  private static func forever(_ kind: ViewDefinition.Kind) -> ViewDefinition.Kind {
    switch kind {
    case .rollup(var rollup):
      for index in rollup.grains.indices { rollup.grains[index].retentionMilliseconds = nil }
      return .rollup(rollup)
    case .funnel(var funnel):
      funnel.retentionMilliseconds = nil
      return .funnel(funnel)
    }
  }

  private func difference(_ one: [[UInt8]: [UInt8]], _ other: [[UInt8]: [UInt8]]) -> String? {
    func text(_ bytes: [UInt8]?) -> String { bytes.map { String(decoding: $0, as: UTF8.self) } ?? "gone" }
    for (key, value) in one where other[key] != value { return "\(text(key)): \(text(value)), not \(text(other[key]))" }
    for (key, value) in other where one[key] == nil { return "\(text(key)): gone, not \(text(value))" }
    return nil
  }

  /// Two sessions become one: the later one's key is taken back, the other says how long it is now.
  @Test func sessionsThatJoinLeaveOneKey() throws {
    var topology = Topology(name: "t")
    topology.gapMilliseconds = 10 * Timestamp.minute
    topology.views = [
      ViewDefinition(
        name: "visits",
        kind: .rollup(
          RollupDefinition(
            of: .sessions, by: [Field("geo.country")],
            measures: [
              Measure(name: "n", function: .count), Measure(name: "length", function: .avg(Field("duration"))),
              Measure(name: "users", function: .distinct),
            ], grains: [GrainDefinition(grain: .hour, retentionMilliseconds: nil)])))
    ]
    var outputs = Outputs()
    outputs.topics = [.view("visits"): "cells", .sessions: "sessions"]
    func record(_ id: Int, _ time: String) -> Oracle.Record {
      Oracle.Record(
        bytes: Array(
          #"{"event_id":"e\#(id)","event_type":"t","user_id":"ann","geo":{"country":"DE"},"timestamp":"\#(time)"}"#.utf8
        ),
        stamp: nil)
    }
    let plan = try Plan(topology)
    let topic = Topic(plan, outputs, partition: 3, diePercent: 0, SeededRandom(seed: 1))
    let run = try PartitionRun(
      plan,
      [
        record(1, "2026-03-01T09:55:00Z"), record(2, "2026-03-01T10:12:00Z"), record(3, "2026-03-01T10:04:00Z"),
      ], partition: 3, of: 1,
      Schedule(name: "each", bytes: 1 << 20, batches: [1], commitPercent: 100, crashPercent: 0, releasePercent: 100),
      outputs: outputs, topic: topic)
    var random = SeededRandom(seed: 1)
    try run.run(&random)
    #expect(
      Set(topic.standing.map { [$0, $1].map { String(decoding: $0, as: UTF8.self) } }) == [
        [
          #"sessions {"digest":"d","partition":3,"user":"ann","start":"2026-03-01T09:55:00Z"}"#,
          #"{"user":"ann","start":"2026-03-01T09:55:00Z","end":"2026-03-01T10:12:00Z","duration":1020000,"events":3,"#
            + #""attributes":{"geo.country":"DE"}}"#,
        ],
        [
          #"view 'visits' {"digest":"d","view":"visits","grain":"hour","partition":3,"bucket":"2026-03-01T09:00:00Z","#
            + #""dimensions":{"geo.country":"DE"}}"#, #"{"n":1,"length":{"sum":1020000,"count":1},"users":1}"#,
        ],
      ])
    // The session and the cell of ten o'clock were there and are gone.
    #expect(topic.tombstones == 2)
  }
}
