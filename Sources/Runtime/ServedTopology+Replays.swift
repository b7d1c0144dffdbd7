import Basics
import Dataflow
import Foundation
import Logs

/// How the building of a generation goes.
public struct ReplayProgress: Sendable {
  public var topology: String
  public var listed: Generations.Listed
  /// By partition: where it began, stands, and where the log ends.
  public var starts: [Int64]
  public var offsets: [Int64]
  public var ends: [Int64]
  /// Lately; nil while nobody works on it.
  public var recordsPerSecond: Int64?
  /// It waits, since what is served is behind.
  public var isHeld = false
  /// What stopped it.
  public var failure: Failure?

  public var id: String { "\(topology)-\(listed.number)" }
  public var done: Int64 { zip(starts, offsets).reduce(0) { $0 + max(0, $1.1 - $1.0) } }
  public var total: Int64 { zip(starts, ends).reduce(0) { $0 + max(0, $1.1 - $1.0) } }
  public var lag: Int64 { max(0, total - done) }
  /// Nil when nothing is known of its speed.
  public var secondsLeft: Int64? {
    guard lag > 0 else { return 0 }
    guard let recordsPerSecond, recordsPerSecond > 0 else { return nil }
    return (lag + recordsPerSecond - 1) / recordsPerSecond
  }
}

extension ServedTopology {
  private static let rateMilliseconds: Int64 = 10_000

  /// Of one generation that is, or was, built by this server or a command.
  public func progress(of number: Int) throws(Failure) -> ReplayProgress { try progress(try listed(number)) }

  /// Of all that are at work beside the live one, and were not served yet.
  public func replays() throws(Failure) -> [ReplayProgress] {
    var all: [ReplayProgress] = []
    for listed in try generations.all() where listed.record.liveSince == nil && listed.state != .cancelled {
      if listed.generation != nil { all.append(try progress(listed)) }
    }
    return all
  }

  private func progress(_ listed: Generations.Listed) throws(Failure) -> ReplayProgress {
    guard let generation = listed.generation else { throw listed.failure! }
    let (live, beside) = state.withLock { ($0.live, $0.beside[listed.number]) }
    let working = live.generation.number == listed.number ? live : beside?.topology
    let statuses: [PartitionStatus]
    if let working {
      statuses = working.statuses
    } else {
      statuses = try OfflineTopology(generations.data, generation, memory: settings.memory / 16).statuses()
    }
    // Of one at work the reader knows the end best.
    let ends = zip(try ends(), statuses).map { max($0, $1.endOffset ?? 0) }
    var progress = ReplayProgress(
      topology: name, listed: listed, starts: generation.readsFrom,
      // A partition that has no commit yet stands at its beginning.
      offsets: zip(statuses, generation.readsFrom).map { max($0.offset, $1) }, ends: ends)
    progress.failure = statuses.first { $0.failure != nil }?.failure
    progress.isHeld = beside?.pace?.isHeld ?? false
    if let first = beside?.building?.samples.first, let last = beside?.building?.samples.last, last.at > first.at {
      progress.recordsPerSecond = (last.done - first.done) * 1_000 / (last.at - first.at)
    }
    return progress
  }

  /// Looks after what is built: how fast it goes, whether it is there, and whether it is to be served then.
  func lookAfter(isBehind: Bool) {
    ifIdle {
      settleMemberships()
      for (number, beside) in state.withLock({ $0.beside }) {
        beside.pace?.isHeld = isBehind
        sample(number, beside)
        let statuses = beside.topology.statuses
        guard statuses.allSatisfy({ $0.failure == nil && $0.caughtUpAt != nil }) else { continue }
        do throws(Failure) { try caughtUp(number, beside) } catch {
          settings.report("generation \(number) of '\(name)': \(error.message)")
        }
      }
    }
  }

  private func sample(_ number: Int, _ beside: Beside) {
    guard beside.building != nil else { return }
    let done = beside.topology.statuses.reduce(0) { $0 + $1.readThisRun }
    let now = monotonicMilliseconds()
    state.withLock { state in
      guard var building = state.beside[number]?.building else { return }
      if now - (building.samples.last?.at ?? .min / 2) < 500 { return }
      building.samples.append((now, done))
      while building.samples.count > 2, now - building.samples[0].at > ServedTopology.rateMilliseconds {
        building.samples.removeFirst()
      }
      state.beside[number]?.building = building
    }
  }

  private func caughtUp(_ number: Int, _ beside: Beside) throws(Failure) {
    if let building = beside.building {
      let records = beside.topology.statuses.reduce(0) { $0 + $1.readThisRun }
      try generations.caughtUp(
        number,
        ReplaySpeed(
          records: records, milliseconds: max(1, monotonicMilliseconds() - building.startedAt),
          threads: beside.pace?.threads ?? settings.threads))
      state.withLock { $0.beside[number]?.building = nil }
      settings.report("generation \(number) of '\(name)' is caught up: \(records) records were read")
    }
    guard let terms = try generations.record(of: number).promotion else { return }
    // After a start the group takes its time to give them back.
    guard live.statuses.allSatisfy(\.isHere) else { return }
    let promotion: Promotion
    do throws(Failure) { promotion = try promote(number, terms) } catch {
      // Once: what speaks against it now is for an operator to decide.
      try generations.update(number) { $0.promotion = nil }
      throw error
    }
    settings.report("generation \(promotion.generation) of '\(name)' is served now, as was asked for")
  }
}
