import Basics
import Dataflow

extension Generations {
  /// What is said to who promotes.
  public struct PromotionTerms: Sendable {
    /// Also when it is behind, or one of its partitions stopped.
    public var isForced = false
    /// Also when it knows less of the past than what is served.
    public var acceptsShorterHistory = false

    public init() {}
  }

  /// The generation meant when none is named: the newest that was never served, else the newest that is not served.
  public func candidate() throws(Failure) -> Int {
    let live = try live()
    let others = try all().filter { $0.number != live && $0.state != .cancelled }
    if let found = others.last(where: { $0.record.liveSince == nil }) ?? others.last { return found.number }
    throw .invalid(
      "topology '\(topology)' has no other generation than the one that is served: 'millrace deploy' builds one")
  }

  /// Throws what speaks against serving a generation.
  ///
  /// - `ends`: by partition, the log's end; nil for files.
  public func check(
    _ candidate: OfflineTopology, against live: OfflineTopology, ends: [Int64]?, _ terms: PromotionTerms
  ) throws(Failure) {
    let number = candidate.generation.number
    let remedy = "let 'millrace deploy' or 'millrace replay' build it to the log's end, or --force"
    let statuses = try candidate.statuses()
    let served = try live.statuses()
    if !terms.isForced {
      if let stopped = statuses.first(where: { $0.failure != nil }) {
        throw .invalid(
          "generation \(number) is not whole: its partition \(stopped.partition) stopped: \(stopped.failure!.message); "
            + remedy)
      }
      try checkIsCaughtUp(number, statuses, served, ends, remedy)
    }
    guard !terms.acceptsShorterHistory, let exact = candidate.generation.exactFrom else { return }
    let shown = try live.reading().answers.earliestBucket()
    guard let shown, max(live.generation.exactFrom ?? .min, shown) < exact else { return }
    throw .invalid(
      "generation \(number) knows less of the past: it is exact from \(Timestamp(milliseconds: exact)) on, and "
        + "generation \(live.generation.number) shows exact numbers from "
        + "\(Timestamp(milliseconds: max(live.generation.exactFrom ?? .min, shown))) on; earlier numbers would get smaller or "
        + "vanish: --accept-shorter-history if that is wanted")
  }

  private func checkIsCaughtUp(
    _ number: Int, _ statuses: [PartitionStatus], _ served: [PartitionStatus], _ ends: [Int64]?, _ remedy: String
  ) throws(Failure) {
    guard let ends else {
      // Files: only having read them to their end tells.
      let (read, wanted) = (statuses.reduce(0) { $0 + $1.ledger.read }, served.reduce(0) { $0 + $1.ledger.read })
      guard read >= wanted, try record(of: number).caughtUpAt != nil else {
        throw .invalid(
          "generation \(number) is not caught up: it has read \(read) records, the live one \(wanted); \(remedy)")
      }
      return
    }
    for (status, live) in zip(statuses, served) {
      let end = max(ends[status.partition], live.offset)
      guard status.offset < end else { continue }
      throw .invalid(
        "generation \(number) is not caught up: partition \(status.partition) stands at offset \(status.offset), the live one at "
          + "\(live.offset), the log ends at \(ends[status.partition]); \(remedy)")
    }
  }
}
