import Basics
import Events
import Logs
import Synchronization

/// One sequence of records (files, standard input) as a log of N partitions, by murmur2 of the user: read once, in order,
/// by whichever partition is in want of records, and handed to the others through queues.
///
/// Records that cannot be used have no user and go to partition 0. A record's offset is its index in the sequence.
public final class RoutedLog: Log, @unchecked Sendable {
  // Everything that changes is in `state`, which is only touched with `lock` held.
  public let partitionCount: Int
  public let hasStamps: Bool
  private let batchRecords: Int
  private let lock = Mutex(())
  private var state: State

  /// Queued bytes of all partitions past which those in want of records wait for the others: memory grows neither with skew nor
  /// with the number of partitions.
  private static let queueLimit = 64 << 20
  private static let readBytes = 4 << 20

  /// What reading changes.
  private struct State: ~Copyable {
    var reader: any LogReader
    let chunk = LogSlice()
    let batch = EventBatch(projection: Projection())
    var queues: [[LogSlice]]
    var queuedBytes: [Int]
    /// Records below are already in the partition's state.
    var from: [Int64]
    /// Whether anybody takes the partition's records: a stopped partition must not hold up the others.
    var isRead: [Bool]
    var spare: [LogSlice] = []
    var isAtEnd = false
  }

  /// - `positions`: where each partition's state stands; the sequence is read again from the least of them.
  /// - `batchRecords`: records read at a time, of all partitions together.
  /// - Errors: `.invalid` when the part already read is no longer what it was.
  public init(_ log: any Log, positions: [LogPosition], batchRecords: Int) throws(Failure) {
    self.batchRecords = batchRecords
    partitionCount = positions.count
    hasStamps = log.hasStamps
    let byOffset = positions.sorted { $0.offset < $1.offset }
    // Opening at the furthest position proves all that was read; reading goes on from the nearest.
    if byOffset[0].offset != byOffset[byOffset.count - 1].offset {
      _ = try log.reader(partition: 0, from: byOffset[byOffset.count - 1])
    }
    let reader = try log.reader(partition: 0, from: byOffset[0])
    state = State(
      reader: reader, queues: Array(repeating: [], count: positions.count),
      queuedBytes: Array(repeating: 0, count: positions.count), from: positions.map(\.offset),
      isRead: positions.map { _ in false })
  }

  public func endOffset(partition: Int) throws(Failure) -> Int64? { nil }

  public func reader(partition: Int, from position: LogPosition) throws(Failure) -> any LogReader {
    lock.withLock { _ in state.isRead[partition] = true }
    return RoutedReader(log: self, partition: partition)
  }

  fileprivate func abandon(_ partition: Int) {
    lock.withLock { _ in
      state.isRead[partition] = false
      state.queues[partition].removeAll()
      state.queuedBytes[partition] = 0
    }
  }

  /// Fills the slice, or says that nothing came: at the end, or held up by another partition's queue.
  fileprivate func read(partition: Int, into slice: LogSlice) throws(Failure) -> Bool {
    slice.clear()
    return try lock.withLock { (_) throws(Failure) in
      while state.queues[partition].isEmpty {
        if state.isAtEnd { return false }
        if state.queuedBytes.reduce(0, +) > RoutedLog.queueLimit { return true }
        try route()
      }
      let next = state.queues[partition].removeFirst()
      state.queuedBytes[partition] -= next.byteCount
      slice.exchange(with: next)
      next.clear()
      state.spare.append(next)
      return false
    }
  }

  /// Room for twice an even share of a chunk; a larger one grows.
  private func smallSlice() -> LogSlice {
    LogSlice(
      byteCapacity: max(4 << 10, 2 * RoutedLog.readBytes / partitionCount),
      recordCapacity: max(64, min(2 * batchRecords / partitionCount, 4_096)))
  }

  private func route() throws(Failure) {
    try state.reader.read(into: state.chunk, maxBytes: RoutedLog.readBytes, maxRecords: batchRecords)
    let chunk = state.chunk
    if chunk.count == 0 {
      state.isAtEnd = true
      return
    }
    let batch = state.batch
    batch.decode(chunk.bytes, ranges: chunk.ranges, count: chunk.count)
    let parts = (0..<partitionCount).map { _ in state.spare.popLast() ?? smallSlice() }
    for row in 0..<chunk.count {
      let partition = batch.status[row] == 0 ? Int(batch.partitionHash[row] % UInt32(partitionCount)) : 0
      guard state.isRead[partition], chunk.offsets[row] >= state.from[partition] else { continue }
      let range = chunk.ranges[row]
      parts[partition].append(
        UnsafeRawBufferPointer(start: chunk.bytes + Int(range.offset), count: Int(range.length)),
        fullLength: range.fullLength, stamp: chunk.stamps[row], offset: chunk.offsets[row])
    }
    for partition in 0..<partitionCount {
      parts[partition].end = chunk.end
      if parts[partition].count > 0 {
        state.queuedBytes[partition] += parts[partition].byteCount
        state.queues[partition].append(parts[partition])
      } else {
        state.spare.append(parts[partition])
      }
    }
  }
}

private final class RoutedReader: LogReader {
  private let log: RoutedLog
  private let partition: Int
  private(set) var isHeldUp = false
  var bound: Int64 {
    get { .max }
    set { precondition(newValue == .max, "a part of routed files has no bound") }
  }

  init(log: RoutedLog, partition: Int) {
    self.log = log
    self.partition = partition
  }

  deinit { log.abandon(partition) }

  /// Slices come as they were routed: a part of one would have no position to go on from.
  func read(into slice: LogSlice, maxBytes: Int, maxRecords: Int) throws(Failure) {
    isHeldUp = try log.read(partition: partition, into: slice)
  }
}
