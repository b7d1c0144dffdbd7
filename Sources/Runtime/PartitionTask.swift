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
  private let log: any Log
  private let partitionCount: Int
  /// Whether a record must be in the partition murmur2 of its user says.
  private let checksPlacement: Bool
  private let chain: Chain
  private let reader: any LogReader
  private var policy: CommitPolicy
  private var policyAtEnd: CommitPolicy?
  private let diskFactor: Int
  private let batchBytes: Int
  private let batchRecords: Int
  /// Nil when nothing is written anywhere.
  private let emitter: Emitter?
  private let hasDeadLetters: Bool

  // Made when the first batch is read: from memory that partitions which are finished have given back.
  private lazy var slice = LogSlice()
  private lazy var batch = EventBatch(projection: projection)
  private let projection: Projection
  private let transaction = Transaction()
  private var scratch = RejectedRecords.Scratch()
  private var encoded = ByteWriter()
  private let stopwatch = Stopwatch()

  /// Where reading goes on; everything before it has been applied.
  public private(set) var position: LogPosition
  private var bytesSinceCommit = 0
  private var uncommittedSince: Int64?
  private var rejectedExpiredAt: Int64?
  private var hasForgottenOutputs = false
  /// The bound that holds once outputs have caught up.
  private var boundAfter: Int64?

  public struct Options: Sendable {
    public var policy = CommitPolicy.replay
    /// From when it was first at the log's end; nil: the same.
    public var policyAtEnd: CommitPolicy?
    /// It stops when less than so many times the room for its next commit is free: what is not served leaves room to what is.
    public var diskFactor = 1
    /// A batch has at most this many bytes and records. Results do not depend on it.
    public var batchBytes = 768 << 10
    public var batchRecords = 16_384
    public var checksPlacement = true
    /// By partition, the offset at which it commits and is at its end; empty: none has such.
    public var bounds: [Int64] = []
    /// Where changes are written.
    public var outputs: OutputSink?

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
    self.log = log
    partitionCount = log.partitionCount
    checksPlacement = options.checksPlacement
    policy = options.policy
    policyAtEnd = options.policyAtEnd
    diskFactor = options.diskFactor
    batchBytes = options.batchBytes
    batchRecords = options.batchRecords
    let outputs = options.outputs?.outputs ?? Outputs()
    chain = try Chain(
      plan: plan, store: store, hasStamps: log.hasStamps, bytes: bytes, outputs: outputs, stopwatch: stopwatch)
    hasDeadLetters = outputs.topics[.deadLetters] != nil
    projection = plan.projection
    if let stored = try PartitionTask.position(in: store) {
      position = stored
    } else {
      position = try first()
    }
    reader = try log.reader(partition: partition, from: position)
    let offset = position.offset
    emitter = try options.outputs.map { (sink) throws(Failure) in
      try Emitter(sink, partition: partition, store: store, offset: offset)
    }
    if !options.bounds.isEmpty { bound = options.bounds[partition] }
  }

  /// Where its log ends, as far as that is known without reading.
  var endOffset: Int64? { (try? log.endOffset(partition: partition)) ?? nil }

  /// Where this task commits and is at its end, whatever the log has behind; `.max`: nowhere.
  public var bound: Int64 {
    get { reader.bound }
    set { reader.bound = newValue }
  }

  /// Whether `bound` is somebody's who holds it for a moment.
  var isHeld = false

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
    if let emitter {
      try emitter.advance()
      if emitter.isOpening || mustWaitForOutputs { return .heldUp }
      try catchUp(emitter)
    }
    stopwatch.beginBatch()
    try readSlice()
    stopwatch.lap(.read)
    guard slice.count > 0 else { return try rest() }
    batch.decode(slice.bytes, ranges: slice.ranges, count: slice.count)
    checkPlacement()
    stopwatch.lap(.parse)
    try chain.prefetch(batch)
    chain.apply(batch, stamps: slice.stamps)
    RejectedRecords.put(slice, batch, lists: hasDeadLetters && chain.listsChanges, into: transaction, &scratch)
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

  /// Makes everything applied so far part of the state, and waits a while for Kafka to take its outputs. Nothing is committed
  /// while it does not take those of the commit before: what was applied since is read again then.
  public func commit() throws(Failure) {
    if let emitter, try !emitter.finish() { return }
    try commitNow()
    _ = try emitter?.finish()
  }

  /// Where others have written outputs further than this state has come, it first commits exactly there and writes nothing.
  private func catchUp(_ emitter: Emitter) throws(Failure) {
    guard let offset = emitter.catchUpOffset else { return }
    if position.offset < offset {
      chain.listsChanges = false
      // A bound of somebody else's may be nearer.
      if boundAfter == nil { boundAfter = bound }
      reader.bound = min(offset, boundAfter!)
      return
    }
    try commitNow()
    chain.listsChanges = true
    if let boundAfter { bound = boundAfter }
    boundAfter = nil
    try emitter.caughtUp(offset: position.offset)
  }

  /// The commit before has outputs that Kafka has not taken, and a next one cannot be put off any longer.
  private var mustWaitForOutputs: Bool {
    guard let emitter, emitter.isBusy, uncommittedSince != nil else { return false }
    return bytesSinceCommit >= policy.everyBytes || chain.wantsCommit
      || transaction.byteCount > PartitionTask.transactionBytes
  }

  private static let transactionBytes = 16 << 20

  private func commitNow() throws(Failure) {
    guard uncommittedSince != nil else { return }
    stopwatch.beginCommit()
    try chain.commit(into: transaction)
    encoded.clear()
    position.encode(into: &encoded)
    transaction.put(KeyLayout.position, encoded.bytes)
    try expireRejected()
    if !chain.listsChanges, !hasForgottenOutputs {
      try Emitter.forget(store, into: transaction)
      hasForgottenOutputs = true
    }
    try checkDisk()
    try store.commit(transaction)
    chain.committed()
    bytesSinceCommit = 0
    uncommittedSince = nil
    stopwatch.lap(.commit)
    if chain.listsChanges { emitter?.begin(offset: position.offset) }
  }

  public var outputStatus: OutputStatus? { emitter?.status }

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
    if let emitter, emitter.isBusy { return }
    if bytesSinceCommit >= policy.everyBytes || now - uncommittedSince! >= policy.everyMilliseconds || chain.wantsCommit
      || (hasDeadLetters && transaction.byteCount > PartitionTask.transactionBytes)
    {
      try commitNow()
    }
  }

  /// Nothing to read: a commit may be due all the same.
  private func rest() throws(Failure) -> Progress {
    if let written = emitter?.catchUpOffset, position.offset < written, !reader.isHeldUp {
      throw .corrupt(
        "partition \(partition): outputs were written up to offset \(written), and the log ends at \(position.offset): it is "
          + "another log, or lost its tail; restore it, or set the offset of the partition in the group that ends in '.sink' back "
          + "(kafka-consumer-groups --reset-offsets) and start again")
    }
    if position.offset >= bound {
      try commit()
      return .atEnd
    }
    if !reader.isHeldUp, let policyAtEnd {
      policy = policyAtEnd
      self.policyAtEnd = nil
    }
    if let since = uncommittedSince, monotonicMilliseconds() - since >= policy.everyMilliseconds,
      emitter?.isBusy != true
    {
      try commitNow()
    }
    return reader.isHeldUp ? .heldUp : .atEnd
  }

  /// RocksDB as Debian builds it aborts when a table cannot be written in the background, so what it may write next has to
  /// fit before it is given more.
  private func checkDisk() throws(Failure) {
    let needed = (2 * transaction.byteCount + 2 * store.writeBufferBytes + (1 << 20)) * diskFactor
    guard let free = DurableFile.freeBytes(store.path), free < needed else { return }
    throw .unavailable(
      "\(store.path): the disk is full: \(free >> 20) MiB are free, a commit takes up to \(needed >> 20) MiB"
        + "\(diskFactor > 1 ? " with the room left to the generation that is served" : ""); free some space "
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
