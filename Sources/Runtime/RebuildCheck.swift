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

  /// - `run`: works through the rebuilding, to its end, and throws what stopped it.
  /// - Errors: `.invalid` when what is served is not whole, or stands where its files no longer end.
  public static func run(
    _ data: DataDirectory, topology: String, input: BoundedRun.Input, options: BoundedRun.Options,
    comparing: Verification.Options, run: (BoundedRun) throws(Failure) -> Void
  ) throws(Failure) -> Result {
    let generation = try Generation.load(data, topology: topology)
    let served = try OfflineTopology(data, generation, memory: options.memory / 4)
    let offsets = try served.offsetsOfWhole()
    let (starts, stamps) = try starts(generation, input)
    let generations = Generations(data, of: topology)
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
    try checkPlace(served, rebuilt, offsets)
    let exactFrom = starts == generation.starts ? nil : scratch.exactFrom
    let verification = try Verification(
      plan: try Plan(generation.topology), newestStamp: try served.reading().answers.newestStamp, exactFrom: exactFrom,
      options: comparing)
    for partition in 0..<generation.partitionCount {
      guard let one = served.snapshot(partition), let other = rebuilt.snapshot(partition) else {
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

  /// Where what is served began, or where the log begins now if that is later.
  private static func starts(
    _ generation: Generation, _ input: BoundedRun.Input
  ) throws(Failure) -> (starts: [Int64], stamps: [Int64?]) {
    let (first, stamps) = try input.beginnings()
    guard zip(first, generation.starts).contains(where: { $0 > $1 }) else {
      return (generation.starts, generation.startStamps)
    }
    let later = zip(first, generation.starts).map { $0 > $1 }
    return (
      zip(first, generation.starts).map { max($0, $1) },
      later.indices.map { later[$0] ? stamps[$0] : generation.startStamps[$0] }
    )
  }

  private static func checkPlace(
    _ served: OfflineTopology, _ rebuilt: OfflineTopology, _ offsets: [Int64]
  ) throws(Failure) {
    if served.generation.source.isKeyed {
      let reached = try rebuilt.offsetsOfWhole()
      guard reached == offsets else {
        throw .unavailable("the log gave offsets \(reached) where \(offsets) is served: bring back the whole log")
      }
      return
    }
    let records = try [served, rebuilt].map { (topology) throws(Failure) in
      try topology.statuses().reduce(Int64(0)) { $0 + $1.ledger.read }
    }
    guard records[0] == records[1] else {
      throw .invalid(
        "\(records[0]) records are served and the files hold \(records[1]): run 'millrace run' with them first")
    }
  }
}
