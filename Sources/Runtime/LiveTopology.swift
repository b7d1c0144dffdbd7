import Basics
import Dataflow
import Logs
import Stores

/// A generation at work: a store and a task per partition, worked on by a pool, read by anyone.
public final class LiveTopology: Sendable {
  public let generation: Generation
  private let plan: Plan
  private let stores: [Int: Store]
  private let pool: WorkerPool

  public struct Options: Sendable {
    public var threads: Int
    public var mode: WorkerPool.Mode
    public var task = PartitionTask.Options()
    /// Of the process's partitions, to share its memory among.
    public var partitionsInProcess: Int

    public init(threads: Int, mode: WorkerPool.Mode, partitionsInProcess: Int) {
      self.threads = threads
      self.mode = mode
      self.partitionsInProcess = partitionsInProcess
    }
  }

  /// Opens every partition. One that cannot be opened is stopped and says why; the others go on.
  ///
  /// - `log`: made from the positions the partitions stand at, since files may have to be routed from there.
  /// - Errors: what concerns all partitions: the log cannot be opened, or has another partition count.
  public init(
    _ generation: Generation, budget: MemoryBudget, options: Options,
    onStop: @escaping @Sendable (Int, Failure) -> Void,
    log makeLog: ([LogPosition]) throws(Failure) -> any Log
  ) throws(Failure) {
    self.generation = generation
    let plan = try Plan(generation.topology)
    self.plan = plan
    var stores: [Int: Store] = [:]
    var positions: [LogPosition] = []
    var stopped: [PartitionStatus] = []
    func stop(_ partition: Int, _ failure: Failure) {
      let columns = plan.projection.columns.count
      // What its store holds is still answered, so it is also told.
      let held = stores[partition].flatMap {
        try? PartitionStatus(partition: partition, of: $0, generation, columns: columns)
      }
      var status = held ?? PartitionStatus(partition: partition, ledger: Ledger(columns: columns))
      status.state = .stopped(failure)
      stopped.append(status)
      generation.setStopped(partition, failure.message)
      onStop(partition, failure)
    }
    var closed: Set<Int> = []
    for partition in 0..<generation.partitionCount {
      do throws(Failure) {
        let store = try generation.openStore(partition, budget: budget, readOnly: false)
        positions.append(try PartitionTask.position(in: store) ?? .start)
        stores[partition] = store
      } catch {
        positions.append(.start)
        closed.insert(partition)
        stores[partition] = try? generation.openStore(partition, budget: budget, readOnly: true)
        stop(partition, error)
      }
    }
    let log = try makeLog(positions)
    guard log.partitionCount == generation.partitionCount else {
      throw .invalid(
        "topology \(generation.topology.name) was built from a log of \(generation.partitionCount) partitions and the log has "
          + "\(log.partitionCount): the count is part of a log's identity, so rebuild the state in a new data directory"
      )
    }
    var tasks: [PartitionTask] = []
    for partition in 0..<generation.partitionCount {
      guard !closed.contains(partition), let store = stores[partition] else { continue }
      do throws(Failure) {
        tasks.append(
          try PartitionTask(
            partition: partition, of: log,
            from: { () throws(Failure) in try generation.firstPosition(partition, of: log) }, plan: plan, store: store,
            bytes: budget.operatorBytes(partitions: options.partitionsInProcess), options: options.task))
        generation.setStopped(partition, nil)
      } catch {
        stop(partition, error)
      }
    }
    self.stores = stores
    pool = WorkerPool(tasks, log: log, threads: options.threads, mode: options.mode, stopped: stopped) {
      generation.setStopped($0, $1.message)
      onStop($0, $1)
    }
  }

  public func start() { pool.start() }
  public func stop() { pool.stop() }
  public func wait() { pool.wait() }

  /// By partition.
  public var statuses: [PartitionStatus] { pool.status.sorted { $0.partition < $1.partition } }

  public func reading() throws(Failure) -> Reading {
    // Statuses first: what they say is applied is then in the snapshots.
    let statuses = statuses
    let now = wallMilliseconds()
    let snapshots = stores.keys.sorted().map { stores[$0]!.snapshot() }
    let answers = try Answers(plan: plan, snapshots: snapshots)
    return Reading(
      topology: generation.topology, generation: generation.number, answers: answers,
      partial: statuses.compactMap { status in
        status.failure.map { MissingPartition(partition: status.partition, message: $0.message) }
      },
      completeUntil: LiveTopology.completeUntil(statuses), takenAt: now)
  }

  /// The least of what the partitions have applied: when one was last seen at its log's end, or its newest stamp while it is
  /// behind. Stopped partitions are named in the answer instead.
  static func completeUntil(_ statuses: [PartitionStatus]) -> Int64? {
    var least: Int64?
    for status in statuses where status.failure == nil {
      guard let time = [status.caughtUpAt, status.newestStamp].compactMap({ $0 }).max() else { return nil }
      least = min(least ?? time, time)
    }
    return least
  }

  public func rejected(_ body: (RejectedRecord) throws(Failure) -> Bool) throws(Failure) {
    for partition in stores.keys.sorted() {
      guard try RejectedRecords.list(stores[partition]!.snapshot(), partition: partition, body) else { return }
    }
  }

  public var stateBytes: Int { generation.stateBytes }
}
