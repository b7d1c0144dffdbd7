import Basics
import Dataflow

extension Generations {
  /// What is said to who promotes.
  public struct PromotionTerms: Codable, Equatable, Sendable {
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

  /// How far a generation has come, whether it is at work or not.
  public struct Standing: Sendable {
    public var generation: Generation
    public var statuses: [PartitionStatus]
    /// The start of the earliest bucket it shows; milliseconds; nil when it shows none.
    public var earliestBucket: Int64?

    public init(_ offline: OfflineTopology) throws(Failure) {
      generation = offline.generation
      statuses = try offline.statuses()
      earliestBucket = try offline.reading().answers.earliestBucket()
    }

    public init(_ live: LiveTopology) throws(Failure) {
      generation = live.generation
      statuses = live.statuses
      earliestBucket = try live.reading().answers.earliestBucket()
    }

    /// From when on the numbers it shows are exact.
    var shownFrom: Int64? { earliestBucket.map { max(generation.exactFrom ?? .min, $0) } }
  }

  /// Throws what speaks against serving a generation.
  ///
  /// - `ends`: by partition, the log's end; nil for files.
  public func check(
    _ candidate: Standing, against live: Standing, ends: [Int64]?, _ terms: PromotionTerms
  ) throws(Failure) {
    let number = candidate.generation.number
    let remedy = "let 'millrace deploy' or 'millrace replay' build it to the log's end, or --force"
    if !terms.isForced {
      if let stopped = candidate.statuses.first(where: { $0.failure != nil }) {
        throw .invalid(
          "generation \(number) is not whole: its partition \(stopped.partition) stopped: \(stopped.failure!.message); "
            + remedy)
      }
      try checkIsCaughtUp(number, candidate.statuses, live.statuses, ends, remedy)
    }
    guard !terms.acceptsShorterHistory, let exact = candidate.generation.exactFrom, let shown = live.shownFrom,
      shown < exact
    else { return }
    throw .invalid(
      "generation \(number) knows less of the past: it is exact from \(Timestamp(milliseconds: exact)) on, and generation "
        + "\(live.generation.number) shows exact numbers from \(Timestamp(milliseconds: shown)) on; earlier numbers would get "
        + "smaller or vanish: --accept-shorter-history if that is wanted")
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
