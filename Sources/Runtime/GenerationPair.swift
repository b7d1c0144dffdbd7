import Basics
import Dataflow
import Logs

/// Two generations of a topology at the same offset of every partition.
public struct GenerationPair: Sendable {
  public let a: OfflineTopology
  public let b: OfflineTopology
  /// By partition: how far both have read. Of files that are routed: the records of all of them.
  public let offsets: [Int64]
  /// Buckets before are not whole in one of them; milliseconds; nil: all are.
  public let exactFrom: Int64?

  /// Whichever is behind in a partition reads forward to exactly where the other stands.
  ///
  /// - `run`: works through a run, up to its end, and throws what stopped it.
  /// - Errors: `.invalid` when they were not made from the same log.
  public init(
    _ data: DataDirectory, topology: String, _ a: Int, _ b: Int, input: BoundedRun.Input, options: BoundedRun.Options,
    run: (BoundedRun) throws(Failure) -> Void
  ) throws(Failure) {
    let first = try Generation.load(data, topology: topology, number: a)
    let second = try Generation.load(data, topology: topology, number: b)
    guard first.source == second.source, first.partitionCount == second.partitionCount else {
      throw .invalid(
        "generation \(a) was built from \(first.source.name) in \(first.partitionCount) partitions, generation \(b) from "
          + "\(second.source.name) in \(second.partitionCount): they never stand at the same place")
    }
    if case .files(_, keyed: false) = first.source {
      // Their offsets are those of what was read at a time; both stand at the same place only at the end.
      for generation in [first, second] {
        try run(try BoundedRun(generation, input: input, options: options) { _, _ in })
      }
    } else {
      let positions = try [first, second].map { (generation) throws(Failure) in
        try OfflineTopology(data, generation, memory: options.memory).statuses().map(\.offset)
      }
      let targets = zip(positions[0], positions[1]).map { max($0, $1) }
      for (generation, standing) in zip([first, second], positions) where standing != targets {
        var options = options
        options.task.bounds = targets
        try run(try BoundedRun(generation, input: input, options: options) { _, _ in })
      }
    }
    self.a = try OfflineTopology(data, first, memory: options.memory / 2)
    self.b = try OfflineTopology(data, second, memory: options.memory / 2)
    let (one, other) = (try self.a.offsetsOfWhole(), try self.b.offsetsOfWhole())
    offsets = zip(one, other).map { max($0, $1) }
    if first.source.isKeyed, one != other {
      throw .unavailable("generation \(a) stands at offsets \(one) and generation \(b) at \(other): ask again")
    }
    exactFrom = [first.exactFrom, second.exactFrom].compactMap { $0 }.max()
  }

  public func compare(_ options: Comparison.Options) throws(Failure) -> [ViewDifference] {
    try Comparison(
      try a.reading().answers, try b.reading().answers, exactFrom: exactFrom, options: options
    ).run()
  }
}

extension Generation.Source {
  /// Whether a partition's offsets are the same whoever reads it: not of files that are routed by whoever reads.
  var isKeyed: Bool {
    if case .files(_, let keyed) = self { return keyed }
    return true
  }
}

extension OfflineTopology {
  /// By partition, how far it has read.
  ///
  /// - Errors: `.unavailable` when a partition stopped: what it holds is not its whole log up to there.
  func offsetsOfWhole() throws(Failure) -> [Int64] {
    try statuses().map { (status) throws(Failure) in
      if let failure = status.failure {
        throw .unavailable(
          "generation \(generation.number), partition \(status.partition) stopped: \(failure.message)")
      }
      return status.offset
    }
  }
}
