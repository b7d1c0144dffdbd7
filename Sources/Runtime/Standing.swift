/// How far a reading is: what an answer says of itself beside its numbers. Holds no snapshots, so it may be kept.
public struct Standing: Equatable, Sendable {
  public var generation: Int
  /// Of the generation's meaning.
  public var digest: String
  /// How far each partition is that is in the answer; by partition.
  public var offsets: [Int: Int64]
  /// By which buckets expire; milliseconds; nil in logs without stamps.
  public var newestStamp: Int64?
  public var partial: [MissingPartition]
  public var completeUntil: Int64?
  public var takenAt: Int64
  public var exactFrom: Int64?

  /// Seconds between `completeUntil` and the moment of reading.
  public var freshnessSeconds: Int64? { completeUntil.map { max(0, (takenAt - $0) / 1_000) } }
}

extension Reading {
  public var standing: Standing {
    Standing(
      generation: generation, digest: digest, offsets: offsets, newestStamp: answers.newestStamp, partial: partial,
      completeUntil: completeUntil, takenAt: takenAt, exactFrom: exactFrom)
  }
}
