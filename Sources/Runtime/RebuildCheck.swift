import Basics
import Dataflow
import Logs
import Stores

/// The product's promise as an operation: rebuilds what is served from the log, in other batches, commits and threads, and
/// compares every stored cell.
public struct RebuildCheck: Sendable {
  public struct Result: Sendable {
    public var generation: Int
    /// By partition: up to where.
    public var offsets: [Int64]
    /// By partition: from where, as far as the log still goes.
    public var starts: [Int64]
    /// Only buckets that start then or later were compared; milliseconds; nil: all.
    public var exactFrom: Int64?
    public var cells: Int64
    public var differingCells: Int64
    public var notCompared: Int64
    public var digest: String
    public var differences: [Verification.Difference]
    public var others: [String]

    public var isEqual: Bool { differingCells == 0 && others.isEmpty }
  }

  private let generation: Generation
  private let plan: Plan
  /// As the partitions were at one moment each; what has no state yet is not among them.
  private let served: [Int: Snapshot]

  /// - Errors: `.unavailable` when a partition stopped: what it holds is not its whole log.
  public init(of offline: OfflineTopology) throws(Failure) {
    _ = try offline.offsetsOfWhole()
    try self.init(offline.generation, offline.snapshots)
  }

  /// Of a generation at work, which goes on while it is checked.
  public init(of live: LiveTopology) throws(Failure) {
    if let stopped = live.statuses.first(where: { $0.failure != nil }) {
      throw .unavailable("partition \(stopped.partition) stopped: \(stopped.failure!.message)")
    }
    try self.init(live.generation, live.stores.withLock { $0.mapValues { $0.snapshot() } })
  }

  private init(_ generation: Generation, _ served: [Int: Snapshot]) throws(Failure) {
    self.generation = generation
    self.served = served
    plan = try Plan(generation.topology)
  }

  /// - `run`: works through the rebuilding, to its end, and throws what stopped it.
  /// - Errors: `.invalid` when what is served stands where its files no longer end.
  public func run(
    _ data: DataDirectory, input: BoundedRun.Input, options: BoundedRun.Options, comparing: Verification.Options,
    run: (BoundedRun) throws(Failure) -> Void
  ) throws(Failure) -> Result {
    let offsets = try (0..<generation.partitionCount).map { (partition) throws(Failure) in
      guard let snapshot = served[partition] else { return generation.starts[partition] }
      return try PartitionTask.position(in: snapshot)?.offset ?? generation.starts[partition]
    }
    let (starts, stamps) = try input.beginnings(
      notBefore: generation.starts, generation.startStamps)
    let generations = Generations(data, of: generation.topology.name)
    let scratch = try generations.scratch(of: generation, starts: starts, stamps: stamps)
    defer { generations.removeScratch() }

    var other = options
    // Nothing of this may show. Odd numbers, so that no boundary falls where it fell when the state was built.
    other.threads = options.threads > 1 ? options.threads - 1 : 2
    other.task.batchRecords = 4_999
    other.task.batchBytes = 3_333_333
    other.task.policy = CommitPolicy(everyMilliseconds: 1_313, everyBytes: 77_777_777)
    if generation.source.isKeyed { other.task.bounds = offsets }
    try run(try BoundedRun(scratch, input: input, options: other) { _, _ in })

    let rebuilt = try OfflineTopology(data, scratch, memory: options.memory / 4)
    try checkPlace(rebuilt, offsets)
    let exactFrom = starts == generation.starts ? nil : scratch.exactFrom
    let verification = try Verification(
      plan: plan, newestStamp: try Answers(plan: plan, snapshots: Array(served.values)).newestStamp,
      exactFrom: exactFrom, options: comparing)
    let others = rebuilt.snapshots
    for partition in 0..<generation.partitionCount {
      guard let one = served[partition], let other = others[partition] else {
        guard offsets[partition] == starts[partition] else {
          throw .corrupt("partition \(partition) has no state, and its log has records")
        }
        continue
      }
      try verification.compare(partition: partition, served: one, rebuilt: other)
    }
    return Result(
      generation: generation.number, offsets: offsets, starts: starts, exactFrom: exactFrom, cells: verification.cells,
      differingCells: verification.differingCells, notCompared: verification.cellsNotCompared,
      digest: verification.digest, differences: verification.differences, others: verification.others)
  }

  private func checkPlace(_ rebuilt: OfflineTopology, _ offsets: [Int64]) throws(Failure) {
    let statuses = try rebuilt.statuses()
    if generation.source.isKeyed {
      guard statuses.map(\.offset) == offsets else {
        throw .unavailable(
          "the log gave offsets \(statuses.map(\.offset)) where \(offsets) is served: bring back the whole log")
      }
      return
    }
    var read: Int64 = 0
    for snapshot in served.values {
      read += try Ledger.read(
        from: try snapshot.get(KeyLayout.ledger), columns: plan.projection.columns.count
      ).read
    }
    let records = statuses.reduce(0) { $0 + $1.ledger.read }
    guard read == records else {
      throw .invalid("\(read) records are served and the files hold \(records): 'millrace run' with them first")
    }
  }
}
