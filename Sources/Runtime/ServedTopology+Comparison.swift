import Basics
import Dataflow
import Foundation
import Logs

/// Two generations of a running server at the same offset of every partition.
public struct HeldPair: Sendable {
  public let a: Reading
  public let b: Reading
  public let offsets: [Int64]
  public let exactFrom: Int64?

  /// At low priority: whoever compares may wait, answers stay fresh.
  public func compare(_ options: Comparison.Options) throws(Failure) -> [ViewDifference] {
    let comparison = Comparison(a.answers, b.answers, exactFrom: exactFrom, options: options)
    return try LowPriority.run { () throws(Failure) in try comparison.run() }
  }
}

extension ServedTopology {
  private static let holdMilliseconds: Int64 = 10_000

  /// Holds both at the log's end as it is now for as long as it takes both to commit there, and lets them go on; snapshots of
  /// that moment are what is compared.
  ///
  /// - Errors: `.invalid` when one of them is not at work, or still being built: the other one would have to wait for it.
  public func pair(_ a: Int, _ b: Int) throws(Failure) -> HeldPair {
    try changing { () throws(Failure) in
      let one = try following(a)
      let other = try following(b)
      defer {
        one.pool.hold(at: nil)
        other.pool.hold(at: nil)
      }
      var targets = try meetingPlace(one, other)
      let deadline = monotonicMilliseconds() + ServedTopology.holdMilliseconds
      while monotonicMilliseconds() < deadline {
        one.pool.hold(at: targets)
        other.pool.hold(at: targets)
        let offsets = (one.statuses.map(\.offset), other.statuses.map(\.offset))
        if offsets.0 == offsets.1, offsets.0 == targets {
          // What a step in progress commits may already be in a snapshot, so these say where they stand.
          let (first, second) = (try one.exactReading(), try other.exactReading())
          if first.offsets == second.offsets {
            return HeldPair(
              a: first, b: second, offsets: first.offsets.sorted { $0.key < $1.key }.map(\.value),
              exactFrom: [first.exactFrom, second.exactFrom].compactMap { $0 }.max())
          }
        }
        // One that had read further before it was held shows so when it commits.
        for partition in targets.indices {
          targets[partition] = max(targets[partition], offsets.0[partition], offsets.1[partition])
        }
        usleep(2_000)
      }
      throw .unavailable("generations \(a) and \(b) of '\(name)' do not come to stand at the same offsets: try again")
    }
  }

  /// Where both can come to stand.
  private func meetingPlace(_ a: LiveTopology, _ b: LiveTopology) throws(Failure) -> [Int64] {
    guard a.log is KafkaLog else { return try ends() }
    // A topic's end may be one that nobody can read up to: a transaction may still be open before it.
    return zip(a.statuses, b.statuses).map { max($0.offset, $1.offset) }
  }

  /// The generation compared with when none is named: the newest that is not the live one.
  public func newestOther(than number: Int) throws(Failure) -> Int {
    if let found = try generations.all().last(where: { $0.number != number && $0.state != .cancelled }) {
      return found.number
    }
    throw .invalid("topology '\(name)' has one generation only: deploy or replay builds another")
  }

  /// One that is at work, and was at the log's end. What is not kept up to date, like what was rolled back, is opened for it.
  private func following(_ number: Int) throws(Failure) -> LiveTopology {
    let listed = try listed(number)
    if listed.state == .paused || listed.state == .cancelled {
      throw .invalid("generation \(number) of '\(name)' is \(listed.state.rawValue): resume or deploy it first")
    }
    let topology: LiveTopology
    if listed.state == .live {
      topology = live
    } else {
      topology = try begin(try Generation.load(generations.data, topology: name, number: number)).topology
      if listed.record.caughtUpAt != nil { waitUntilCaughtUp(topology) }
    }
    let statuses = topology.statuses
    if let stopped = statuses.first(where: { $0.failure != nil }) {
      throw .invalid(
        "generation \(number) of '\(name)' is not whole: its partition \(stopped.partition) stopped: \(stopped.failure!.message)"
      )
    }
    try checkHasAll(topology)
    guard statuses.allSatisfy({ $0.caughtUpAt != nil }) else {
      throw .invalid("generation \(number) of '\(name)' is not caught up: its numbers are compared once it is")
    }
    return topology
  }

  /// What was just opened has to read what arrived since.
  private func waitUntilCaughtUp(_ topology: LiveTopology) {
    let deadline = monotonicMilliseconds() + ServedTopology.holdMilliseconds
    while monotonicMilliseconds() < deadline,
      topology.statuses.contains(where: { $0.failure == nil && $0.caughtUpAt == nil })
    {
      usleep(5_000)
    }
  }
}
