import Basics
import Foundation
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
}
