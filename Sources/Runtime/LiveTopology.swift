import Basics
import Dataflow
import Logs
import Stores
import Synchronization

/// A generation at work: a store and a task per partition, worked on by a pool, read by anyone.
///
/// All partitions of the log, or, as a member of a consumer group, those that the group gives. From one to the other it goes
/// on answering.
public final class LiveTopology: Sendable {
  public let generation: Generation
  let plan: Plan
  /// Those that answers read. A partition that went elsewhere is not among them: its numbers stand still.
  let stores: Mutex<[Int: Store]>
  /// Stores of partitions that went elsewhere, open for when they come back: a query may still hold them, and RocksDB opens
  /// a directory once.
  let kept = Mutex<[Int: Store]>([:])
  let owners = Mutex(Ownership())
  /// How far answers had partitions that have come here since: what is behind that is not all of the answer.
  let handedOver = Mutex<[Int: HandedOver]>([:])
  /// How far partitions were that went elsewhere since, and when (milliseconds of the machine's clock), until they are as far
  /// there.
  let givenAway = Mutex<[Int: (offset: Int64, at: Int64)]>([:])
  /// Held while the group is told something.
  let telling = Mutex<Void>(())
  let membership: Mutex<Membership>
  private let spans: FunnelSpans
  let pool: WorkerPool
  let budget: MemoryBudget
  let options: Options
  let onStop: @Sendable (Int, Failure) -> Void

  public struct Options: Sendable {
    public var threads: Int
    public var mode: WorkerPool.Mode
    public var task = PartitionTask.Options()
    /// Of the process's partitions, to share its memory among.
    public var partitionsInProcess: Int
    /// Whether answers are read; if not, a partition's store is open for as long as the partition is worked on.
    public var isAnswering = true
    /// Of a generation that is built beside others.
    public var pace: Pace?
    /// Where members of a group leave states for each other.
    public var checkpoints: SharedCheckpoints?
    /// How a topic is read alone, and as a member of the group of this meaning; nil for other logs.
    var topic: TopicAccess?
    /// Told what an operator should know.
    public var report: @Sendable (String) -> Void = { _ in }

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
    self.budget = budget
    self.options = options
    self.onStop = onStop
    spans = FunnelSpans(byteLimit: budget.bytes / 32)
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
    membership = Mutex(Membership(log, options.task.outputs))
    try LiveTopology.check(log, generation)
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
    self.stores = Mutex(options.isAnswering ? stores : [:])
    pool = WorkerPool(
      tasks, threads: options.threads, mode: options.mode, pace: options.pace, stopped: stopped
    ) {
      generation.setStopped($0, $1.message)
      onStop($0, $1)
    }
  }

  /// With no partition yet: a member of a consumer group is given some, and who reads alone takes them all.
  ///
  /// - Errors: the log has another partition count.
  public init(
    _ generation: Generation, memberOf log: any Log, budget: MemoryBudget, options: Options,
    onStop: @escaping @Sendable (Int, Failure) -> Void
  ) throws(Failure) {
    self.generation = generation
    self.budget = budget
    self.options = options
    self.onStop = onStop
    spans = FunnelSpans(byteLimit: budget.bytes / 32)
    membership = Mutex(Membership(log, options.task.outputs))
    let plan = try Plan(generation.topology)
    self.plan = plan
    try LiveTopology.check(log, generation)
    stores = Mutex([:])
    let now = wallMilliseconds()
    let elsewhere = (0..<generation.partitionCount).map { partition in
      var status = PartitionStatus(partition: partition, ledger: Ledger(columns: plan.projection.columns.count))
      status.state = .elsewhere(since: now)
      return status
    }
    pool = WorkerPool(
      [], threads: options.threads, mode: options.mode, pace: options.pace, stopped: elsewhere
    ) {
      generation.setStopped($0, $1.message)
      onStop($0, $1)
    }
  }

  static func check(_ log: any Log, _ generation: Generation) throws(Failure) {
    guard log.partitionCount != generation.partitionCount else { return }
    throw .invalid(
      "topology \(generation.topology.name) was built from a log of \(generation.partitionCount) partitions and the log has "
        + "\(log.partitionCount): the count is part of a log's identity, so rebuild the state in a new data directory"
    )
  }

  /// What is read now.
  public var log: any Log { membership.withLock { $0.log } }

  /// How the brokers of a log in Kafka are reached; nil for others.
  public var brokers: BrokerStatus? { (log as? KafkaLog).map { BrokerStatus($0.health) } }

  public func start() { pool.start() }
  public func stop() { pool.stop() }
  public func wait() { pool.wait() }

  /// By partition.
  public var statuses: [PartitionStatus] { pool.status.sorted { $0.partition < $1.partition } }

  /// - `partitions`: those meant; nil: all. What is not here is named in `partial`.
  /// - `newestStamp`: of partitions that are not meant, by which buckets expire too.
  public func reading(of partitions: Set<Int>? = nil, newestStamp: Int64? = nil) throws(Failure) -> Reading {
    // Statuses first: what they say is applied is then in the snapshots.
    let statuses = statuses.filter { partitions?.contains($0.partition) ?? true }
    let now = wallMilliseconds()
    let stores = stores.withLock { $0.filter { partitions?.contains($0.key) ?? true } }
    let snapshots = stores.mapValues { $0.snapshot() }
    var answers = try Answers(
      plan: plan, snapshots: snapshots.keys.sorted().map { snapshots[$0]! }, newestStamp: newestStamp)
    answers.spans = spans
    // The snapshots' own, which may be further than the statuses: whoever sees equal offsets sees equal numbers.
    var offsets: [Int: Int64] = [:]
    for status in statuses {
      guard let snapshot = snapshots[status.partition] else { continue }
      offsets[status.partition] = try PartitionTask.position(in: snapshot)?.offset ?? status.offset
    }
    return Reading(
      topology: generation.topology, generation: generation.number, digest: generation.digest, answers: answers,
      offsets: offsets, partial: statuses.compactMap { missing($0) ?? leaving($0, snapshots) },
      completeUntil: LiveTopology.completeUntil(statuses), takenAt: now,
      exactFrom: generation.exactFrom)
  }

  /// As `reading`, with the offsets that the snapshots themselves stand at: of a partition that has no state yet, its start.
  func exactReading() throws(Failure) -> Reading {
    var reading = try reading()
    let stores = stores.withLock { $0 }
    let snapshots = stores.mapValues { $0.snapshot() }
    reading.answers = try Answers(plan: plan, snapshots: snapshots.keys.sorted().map { snapshots[$0]! })
    for (partition, snapshot) in snapshots {
      reading.offsets[partition] = try PartitionTask.position(in: snapshot)?.offset ?? generation.starts[partition]
    }
    return reading
  }

  /// A partition that was given away since its status was taken.
  private func leaving(_ status: PartitionStatus, _ snapshots: [Int: Snapshot]) -> MissingPartition? {
    guard snapshots[status.partition] == nil else { return nil }
    return MissingPartition(partition: status.partition, message: "it is just given to another instance")
  }

  private func missing(_ status: PartitionStatus) -> MissingPartition? {
    switch status.state {
    case .running, .finished:
      return notYet(status).map { MissingPartition(partition: status.partition, message: $0) }
    case .stopped(let failure): return MissingPartition(partition: status.partition, message: failure.message)
    case .elsewhere(let since):
      return MissingPartition(
        partition: status.partition,
        message: "another instance of the consumer group has had it, or nobody, since "
          + "\(Timestamp(milliseconds: since))")
    }
  }

  /// The least of what the partitions have applied: when one was last seen at its log's end, or its newest stamp while it is
  /// behind. Stopped partitions are named in the answer instead.
  static func completeUntil(_ statuses: [PartitionStatus]) -> Int64? {
    var least: Int64?
    for status in statuses where status.failure == nil && status.isHere {
      guard let time = [status.caughtUpAt, status.newestStamp].compactMap({ $0 }).max() else { return nil }
      least = min(least ?? time, time)
    }
    return least
  }

  public func rejected(_ body: (RejectedRecord) throws(Failure) -> Bool) throws(Failure) {
    let stores = stores.withLock { $0 }
    for partition in stores.keys.sorted() {
      guard try RejectedRecords.list(stores[partition]!.snapshot(), partition: partition, body) else { return }
    }
  }

  public var stateBytes: Int { generation.stateBytes }
}
