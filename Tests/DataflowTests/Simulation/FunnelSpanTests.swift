import Basics
import Oracle
import Seeded
import Stores
import Testing

@testable import Dataflow

/// Goal: what is kept of a funnel's days is what is stored, whenever it is asked. Method: random logs with late and
/// disordered events; after each commit the same questions with and without what is kept, by quarter hours for days, often
/// enough for open ones to be kept, too.
@Suite struct FunnelSpanTests {
  @Test(arguments: 1...12) func spansOfFunnelsAreNeverStale(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var topologies = RandomTopology(random: SeededRandom(seed: random.next()))
    var topology = topologies.make()
    // Short enough for much to be closed within such a log.
    topology.source.horizonMilliseconds = random.pick([10 * Timestamp.minute, 90 * Timestamp.minute])
    for index in topology.views.indices {
      guard case .funnel(var funnel) = topology.views[index].kind else { continue }
      funnel.withinMilliseconds = random.pick([1, 10 * Timestamp.minute, Timestamp.hour])
      if funnel.retentionMilliseconds != nil { funnel.retentionMilliseconds = 6 * Timestamp.hour }
      topology.views[index].kind = .funnel(funnel)
    }
    var log = RandomLog(
      random: SeededRandom(seed: random.next()), topology: topology, hasStamps: true, partitions: 1)
    let records = log.make(count: 600)[0]
    let plan = try Plan(topology)
    let schedule = Schedule(
      name: "often", bytes: 64 << 20, batches: [1, 5, 30], commitPercent: 60, crashPercent: 3, releasePercent: 30)
    let run = try PartitionRun(plan, records, partition: 0, of: 1, schedule)
    let spans = FunnelSpans(byteLimit: random.pick([4_000, 1 << 20]), unit: 15 * Timestamp.minute)
    let store = run.store
    var kept = 0
    try run.run(&random) { random throws(Failure) in
      let plain = try Answers(plan: plan, snapshots: [store.snapshot()])
      var answers = plain
      answers.spans = spans
      let newest = Timestamp.floor(plain.newestStamp ?? 0, to: 15 * Timestamp.minute)
      for view in topology.views {
        guard case .funnel(let funnel) = view.kind else { continue }
        var request = FunnelRequest(view: view.name, by: funnel.by != nil)
        if random.chance(50) { request.start = newest - Int64(random.below(80)) * 15 * Timestamp.minute }
        if random.chance(30) { request.end = newest - Int64(random.below(20)) * 15 * Timestamp.minute }
        if let start = request.start, let end = request.end, start >= end { request.end = nil }
        request.trend = random.pick([nil, .day])
        request.timezone = random.pick(["UTC", "Asia/Kathmandu"])
        let a = try plain.funnel(request)
        for _ in 0..<3 {
          let b = try answers.funnel(request)
          if a != b { Issue.record("seed \(seed), \(request): \(b), stored is \(a)") }
        }
      }
      kept = max(kept, spans.byteCount)
    }
    #expect(kept > 1_000)
  }
}
