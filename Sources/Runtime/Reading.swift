import Basics
import Dataflow

/// A partition whose numbers are not, or no longer, in an answer.
public struct MissingPartition: Equatable, Sendable {
  public var partition: Int
  /// What stopped it, and what to do.
  public var message: String

  public init(partition: Int, message: String) {
    self.partition = partition
    self.message = message
  }
}

/// What one request reads: snapshots of all partitions of a generation, and how far they are.
public struct Reading: Sendable {
  public var topology: Topology
  public var generation: Int
  public var digest: String
  public var answers: Answers
  /// How far each partition is that is in the answers; by partition.
  public var offsets: [Int: Int64]
  /// Partitions that stopped or cannot be read; empty when the answer is whole.
  public var partial: [MissingPartition]
  /// Everything appended up to this time is in the answers; milliseconds; nil before the first event.
  public var completeUntil: Int64?
  /// Now, when the snapshots were taken.
  public var takenAt: Int64
  /// Buckets that start before are incomplete: the log no longer held all of their events when the generation was built;
  /// milliseconds; nil: none are.
  public var exactFrom: Int64?

  /// Seconds between `completeUntil` and the moment of reading.
  public var freshnessSeconds: Int64? { completeUntil.map { max(0, (takenAt - $0) / 1_000) } }
}
