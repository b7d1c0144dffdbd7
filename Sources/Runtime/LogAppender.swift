import Basics
import Logs

/// Appends records with stamps of their own, gathered by partition and made durable in groups.
public final class LogAppender {
  private let log: SegmentLog
  private var slices: [LogSlice]
  private var lastStamps: [Int64]
  private var unsynced = 0
  public private(set) var appended: Int64 = 0

  private static let sliceBytes = 1 << 20
  private static let syncBytes = 64 << 20

  /// - `lastStamps`: by partition, below which no stamp may fall; nil takes the log's own.
  public init(_ log: SegmentLog, lastStamps: [Int64]? = nil) {
    self.log = log
    slices = (0..<log.partitionCount).map { _ in LogSlice(byteCapacity: 2 << 20) }
    self.lastStamps = lastStamps ?? (0..<log.partitionCount).map { log.lastStamp(partition: $0) ?? .min }
  }

  /// The stamp a record of this time gets: never before the last one of its partition.
  public func stamp(_ time: Int64, partition: Int) -> Int64 {
    lastStamps[partition] = max(lastStamps[partition], time)
    return lastStamps[partition]
  }

  /// Appends a record under a stamp from `stamp`.
  public func append(_ record: UnsafeRawBufferPointer, stamp: Int64, partition: Int) throws(Failure) {
    slices[partition].append(record, stamp: stamp, offset: 0)
    appended += 1
    if slices[partition].byteCount >= LogAppender.sliceBytes { try flush(partition) }
    if unsynced >= LogAppender.syncBytes {
      for partition in slices.indices { try flush(partition) }
      try log.sync()
      unsynced = 0
    }
  }

  /// Returns when all is durable.
  public func finish() throws(Failure) {
    for partition in slices.indices { try flush(partition) }
    try log.sync()
  }

  private func flush(_ partition: Int) throws(Failure) {
    guard slices[partition].count > 0 else { return }
    _ = try log.append(slices[partition], partition: partition)
    unsynced += slices[partition].byteCount
    slices[partition].clear()
  }
}
