import Basics
import Events
import Oracle
import Seeded
import Stores
import Testing

@testable import Dataflow

/// Goal: what is kept in memory of answers is never older than what is stored. Method: after every commit of a random log the
/// same questions are asked with and without what is kept.
@Suite struct KeptCellsTests {
  @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6]) func keptCellsAreThoseThatAreStored(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var topologies = RandomTopology(random: SeededRandom(seed: random.next()))
    let topology = topologies.make()
    var log = RandomLog(
      random: SeededRandom(seed: random.next()), topology: topology, hasStamps: seed % 2 == 0, partitions: 1)
    let records = log.make(count: 200)[0]
    let plan = try Plan(topology)
    let schedule = Schedule(
      name: "kept", bytes: 64 << 20, batches: [1, 5, 20], commitPercent: 60, crashPercent: 3, releasePercent: 30)
    let run = try PartitionRun(plan, records, partition: 0, of: 1, schedule)
    let requests = questions(of: topology)
    var asked = 0
    var picks = random
    try run.run(&random) { _ throws(Failure) in
      let answers = try Answers(plan: plan, snapshots: [run.store.snapshot()])
      var plain = answers
      plain.cache = nil
      for request in requests where picks.chance(50) {
        let (kept, made) = (answer(answers, request), answer(plain, request))
        #expect(kept == made, "seed \(seed): \(request)")
        asked += 1
      }
    }
    #expect(asked > 100)
  }

  /// Nil when it is refused.
  private func answer(_ answers: Answers, _ request: QueryRequest) -> QueryAnswer? { try? answers.query(request) }

  private func questions(of topology: Topology) -> [QueryRequest] {
    topology.views.flatMap { view -> [QueryRequest] in
      guard case .rollup(let rollup) = view.kind else { return [] }
      return rollup.measures.flatMap { measure in
        [(Granularity.hour, "Asia/Kathmandu"), (.day, nil), (.week, nil), (.month, "Europe/Berlin")].map {
          (granularity, zone) in
          var request = QueryRequest(metric: measure.name, granularity: granularity)
          request.view = view.name
          request.timezone = zone
          request.groupBy = rollup.by.prefix(1).map(\.description)
          if granularity == .week, !rollup.by.isEmpty { (request.top, request.hasOther) = (1, true) }
          return request
        }
      }
    }
  }
}
