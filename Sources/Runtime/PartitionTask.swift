import Basics
import Dataflow
import Events
import Logs
import Stores

/// One partition of one generation: its log position, its store, its chain. One thread at a time works on it.
///
/// A commit is one write batch with the new state and the position it stands for, so there is no second place that could
/// disagree. After a crash the same task starts on an older store; a replay is the same task on an empty one.
public final class PartitionTask {
  public let partition: Int
  public let store: Store
  private let partitionCount: Int
  /// Whether a record must be in the partition murmur2 of its user says.
  private let checksPlacement: Bool
  private let chain: Chain
  private let reader: any LogReader
  private let policy: CommitPolicy
  private let batchBytes: Int
  private let batchRecords: Int

  private let slice = LogSlice()
  private let batch: EventBatch
  private let transaction = Transaction()
  private var scratch = RejectedRecords.Scratch()
  private var encoded = ByteWriter()
  private let stopwatch = Stopwatch()

  /// Where reading goes on; everything before it has been applied.
  public private(set) var position: LogPosition
  private var bytesSinceCommit = 0
  private var uncommittedSince: Int64?
  private var rejectedExpiredAt: Int64?

  public struct Options: Sendable {
    public var policy = CommitPolicy.replay
    /// A batch has at most this many bytes and records. Results do not depend on it.
    public var batchBytes = 1 << 20
    public var batchRecords = 16_384
    public var checksPlacement = true
    /// By partition, the offset at which it commits and is at its end; empty: none has such.
    public var bounds: [Int64] = []

    public init() {}
  }

  /// - `first`: where an empty store begins to read.
  /// - `bytes`: what its operators may keep in memory.
  /// - Errors: as opening the log at the stored position: `.corrupt` when this state is not of this log.
  public init(
    partition: Int, of log: any Log, from first: () throws(Failure) -> LogPosition, plan: Plan, store: Store,
    bytes: Int,
    options: Options
  ) throws(Failure) {
    self.partition = partition
    self.store = store
    partitionCount = log.partitionCount
    checksPlacement = options.checksPlacement
    policy = options.policy
    batchBytes = options.batchBytes
    batchRecords = options.batchRecords
    chain = try Chain(plan: plan, store: store, hasStamps: log.hasStamps, bytes: bytes, stopwatch: stopwatch)
    batch = EventBatch(projection: plan.projection)
    if let stored = try PartitionTask.position(in: store) {
      position = stored
    } else {
      position = try first()
    }
    reader = try log.reader(partition: partition, from: position)
    if !options.bounds.isEmpty { bound = options.bounds[partition] }
  }

  /// Where this task commits and is at its end, whatever the log has behind; `.max`: nowhere.
  public var bound: Int64 {
    get { reader.bound }
    set { reader.bound = newValue }
  }

  /// The position a store stands for; nil before its first commit.
  static func position(in store: Store) throws(Failure) -> LogPosition? {
    try position(of: try store.get(KeyLayout.position))
  }

  static func position(in snapshot: Snapshot) throws(Failure) -> LogPosition? {
    try position(of: try snapshot.get(KeyLayout.position))
  }

  private static func position(of stored: [UInt8]?) throws(Failure) -> LogPosition? {
    guard let stored else { return nil }
    return try stored.span.withUnsafeBytes { (bytes) throws(Failure) in
      var reader = ByteReader(bytes, "log position")
      return try LogPosition(from: &reader)
    }
  }

  public enum Progress {
    case applied
    /// Nothing to read now.
    case atEnd
    /// Nothing to read until other partitions have been.
    case heldUp
  }

  /// One batch, from the log to the views.
  public func step() throws(Failure) -> Progress {
    stopwatch.begin()
    try readSlice()
    stopwatch.lap(.read)
    guard slice.count > 0 else { return try rest() }
    batch.decode(slice.bytes, ranges: slice.ranges, count: slice.count)
    checkPlacement()
    stopwatch.lap(.parse)
    try chain.prefetch(batch)
    chain.apply(batch, stamps: slice.stamps)
    RejectedRecords.put(slice, batch, into: transaction, &scratch)
    position = slice.end
    try commitIfDue(slice.byteCount)
    return .applied
  }

  private func readSlice() throws(Failure) {
    do throws(Failure) {
      try reader.read(into: slice, maxBytes: batchBytes, maxRecords: batchRecords)
    } catch {
      // What stands before the damage counts, or the numbers would depend on when the last commit was.
      try commit()
      throw error
    }
  }

  /// Makes everything applied so far part of the state.
  public func commit() throws(Failure) {
    guard uncommittedSince != nil else { return }
    stopwatch.begin()
    try chain.commit(into: transaction)
    encoded.clear()
    position.encode(into: &encoded)
    transaction.put(KeyLayout.position, encoded.bytes)
    try expireRejected()
    try checkDisk()
    try store.commit(transaction)
    chain.committed()
    bytesSinceCommit = 0
    uncommittedSince = nil
    stopwatch.lap(.commit)
  }

  public var hasUncommitted: Bool { uncommittedSince != nil }
  public var ledger: Ledger { chain.ledger }
  public var newestStamp: Int64? { chain.newestStamp }
  public var byteCount: Int { chain.byteCount }
  public var stageTimes: StageTimes { stopwatch.times }

  private func checkPlacement() {
    guard checksPlacement, partitionCount > 1 else { return }
    let count = UInt32(partitionCount)
    for row in 0..<batch.count where batch.status[row] == 0 && batch.partitionHash[row] % count != UInt32(partition) {
      batch.status[row] = Rejection.misplaced.rawValue
    }
  }

  private func commitIfDue(_ bytes: Int) throws(Failure) {
    bytesSinceCommit += bytes
    let now = monotonicMilliseconds()
    if uncommittedSince == nil { uncommittedSince = now }
    if bytesSinceCommit >= policy.everyBytes || now - uncommittedSince! >= policy.everyMilliseconds || chain.wantsCommit
    {
      try commit()
    }
  }

  /// Nothing to read: a commit may be due all the same.
  private func rest() throws(Failure) -> Progress {
    if position.offset >= bound {
      try commit()
      return .atEnd
    }
    if let since = uncommittedSince, monotonicMilliseconds() - since >= policy.everyMilliseconds { try commit() }
    return reader.isHeldUp ? .heldUp : .atEnd
  }

  /// RocksDB as Debian builds it aborts when a table cannot be written in the background, so what it may write next has to
  /// fit before it is given more.
  private func checkDisk() throws(Failure) {
    let needed = 2 * transaction.byteCount + 2 * store.writeBufferBytes + (1 << 20)
    guard let free = DurableFile.freeBytes(store.path), free < needed else { return }
    throw .unavailable(
      "\(store.path): the disk is full: \(free >> 20) MiB are free, a commit takes up to \(needed >> 20) MiB; free some space "
        + "and start again: it goes on from its last commit")
  }

  private func expireRejected() throws(Failure) {
    // By the hour of stamps: looking costs a scan.
    guard let newest = chain.newestStamp else { return }
    if let last = rejectedExpiredAt, newest - last < Timestamp.hour { return }
    rejectedExpiredAt = newest
    try RejectedRecords.expire(store, newestStamp: newest, into: transaction)
  }
}
