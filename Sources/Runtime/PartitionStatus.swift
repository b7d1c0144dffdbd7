import Basics
import Dataflow
import Stores

/// What the outside may know of a partition while a worker has it.
public struct PartitionStatus: Sendable {
  public enum State: Equatable, Sendable {
    case running
    /// Read to the end that was asked for, and committed.
    case finished
    /// Stopped by a failure; the other partitions go on.
    case stopped(Failure)
    /// Another member of the consumer group has it, or nobody yet; since then, by the machine's clock, milliseconds.
    case elsewhere(since: Int64)
  }

  public var partition: Int
  public var state = State.running
  /// The offset the committed state stands at: what answers hold.
  public var offset: Int64 = 0
  /// The log's end when last looked at; nil when only reading will tell.
  public var endOffset: Int64?
  public var newestStamp: Int64?
  public var ledger: Ledger
  /// Records read since the process started.
  public var readThisRun: Int64 = 0
  public var memoryBytes = 0
  /// Processor time of its batches since the process started.
  public var stageTimes = StageTimes()
  /// Nil when nothing is written anywhere.
  public var outputs: OutputStatus?
  /// Everything the log had at this time of the machine's clock is committed; milliseconds.
  public var caughtUpAt: Int64?

  public init(partition: Int, ledger: Ledger) {
    self.partition = partition
    self.ledger = ledger
  }

  /// As the last commit left the partition, for one that nobody works on.
  init(partition: Int, of store: Store, _ generation: Generation, columns: Int) throws(Failure) {
    ledger = try Ledger.read(from: try store.get(KeyLayout.ledger), columns: columns)
    self.partition = partition
    offset = try PartitionTask.position(in: store)?.offset ?? generation.starts[partition]
    newestStamp = try Frontier(store.snapshot()).newestStamp
  }

  public var lag: Int64? { endOffset.map { max(0, $0 - offset) } }

  /// Whether the group has given it to this process.
  public var isHere: Bool {
    if case .elsewhere = state { return false }
    return true
  }

  public var failure: Failure? {
    if case .stopped(let failure) = state { return failure }
    return nil
  }
}
