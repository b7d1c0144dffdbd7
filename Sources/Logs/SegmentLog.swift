import Basics
import Glibc
import Synchronization

/// The embedded log: partitions of checksummed, compressed batches in segment files under one directory.
///
///     DIR/<topic>/log.json                            format and partition count
///     DIR/<topic>/lock                                held, and its pid named, by the one process that writes
///     DIR/<topic>/p-007/00000000000001048576.seg      batches, see `BatchHeader`; named by the first offset
///
/// Appending gives offsets and `sync` makes durable; readers see only what is durable. All methods may be called from any
/// thread, and block on the disk.
///
/// `@unchecked Sendable`: the variables are guarded by `commitLock` or a `Mutex`, everything else is constant and Sendable.
public final class SegmentLog: Log, @unchecked Sendable {
  public let directory: String
  public let topic: String
  public let isWritable: Bool
  /// What opening repaired, one sentence per file.
  public let recovered: [String]
  let options: SegmentLogOptions
  let partitions: [SegmentPartition]

  private let lockFile: OpenFile?
  private let fuse = Fuse()
  private let disk: DiskReserve
  private let clock: Mutex<ClockGuard>

  private let commitLock = Lock()
  private var isCommitting = false
  private var gathering = CommitGroup()

  public var partitionCount: Int { partitions.count }
  public var hasStamps: Bool { true }

  /// Opens a log, and creates it when it is opened for writing.
  ///
  /// - Parameters:
  ///   - directory: holds a directory per topic.
  ///   - partitions: how many the log has; nil to take what an existing log says.
  ///   - now: wall clock, milliseconds; what later leaps are measured from.
  /// - Errors: `.invalid` for another partition count, a newer format, or nothing to read; `.unavailable` while another
  ///   process writes the log.
  public init(
    directory: String, topic: String, partitions: Int?, options: SegmentLogOptions = SegmentLogOptions(),
    readOnly: Bool = false, now: Int64? = nil
  ) throws(Failure) {
    let path = "\(directory)/\(topic)"
    if !readOnly { try Directory.create(path) }
    lockFile = readOnly ? nil : try SegmentLog.takeLock(path)
    let identity = try SegmentLog.identify(path, partitions: partitions, readOnly: readOnly)
    var opened: [SegmentPartition] = []
    for number in 0..<identity.partitions {
      let digits = String(number)
      let home = "\(path)/p-" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
      if !readOnly { try Directory.create(home) }
      opened.append(try SegmentPartition(directory: home, isWritable: !readOnly, options: options, fuse: fuse))
    }
    self.partitions = opened
    self.directory = path
    self.topic = topic
    self.options = options
    isWritable = !readOnly
    recovered = opened.compactMap(\.recovered)
    disk = DiskReserve(path: path, reserveBytes: options.reserveBytes)
    clock = Mutex(
      ClockGuard(now: now ?? ClockGuard.wallMilliseconds(), monotonic: ClockGuard.monotonicMilliseconds()))
  }

  /// Appends records that bring their stamps, in milliseconds; they must not fall within the partition.
  ///
  /// - Returns: the offset of the first record. All are appended, or, on an error, none.
  /// - Errors: `.invalid` for falling stamps; `.unavailable` for a full or failing disk.
  @discardableResult
  public func append(_ slice: LogSlice, partition: Int) throws(Failure) -> Int64 {
    try admit()
    return try partitions[partition].append(
      UnsafeRawBufferPointer(start: slice.bytes, count: slice.byteCount),
      ranges: UnsafeBufferPointer(start: slice.ranges, count: slice.count), stamps: slice.stamps, now: 0)
  }

  /// Appends records as they arrive: each is stamped `now`, or the partition's last stamp when that is later.
  ///
  /// - Parameters:
  ///   - ranges: the records' places in `bytes`.
  ///   - now: wall clock, milliseconds. `monotonic`: milliseconds of a clock that cannot be set.
  /// - Returns: the offset of the first record. All are appended, or, on an error, none.
  /// - Errors: `.unavailable` for a full or failing disk, or a wall clock that leapt ahead by more than an hour.
  @discardableResult
  public func append(
    _ bytes: UnsafeRawBufferPointer, ranges: UnsafeBufferPointer<ByteRange>, partition: Int, now: Int64,
    monotonic: Int64? = nil
  ) throws(Failure) -> Int64 {
    try admit()
    let elapsed = monotonic ?? ClockGuard.monotonicMilliseconds()
    if let leap = clock.withLock({ $0.leap(now: now, monotonic: elapsed) }) {
      throw .unavailable(
        "\(directory): the clock leapt ahead by \(leap / 60_000) minutes, to \(Timestamp(milliseconds: now)); no events are "
          + "taken, because all honest ones after them would look late: set the clock right, or confirm that it is right"
      )
    }
    return try partitions[partition].append(bytes, ranges: ranges, stamps: nil, now: now)
  }

  /// The operator says that the clock, which leapt, is right.
  public func confirmClock(now: Int64, monotonic: Int64? = nil) {
    let elapsed = monotonic ?? ClockGuard.monotonicMilliseconds()
    clock.withLock { $0.confirm(now: now, monotonic: elapsed) }
  }

  private func admit() throws(Failure) {
    guard isWritable else { throw .invalid("\(directory): was opened to be read only") }
    try fuse.check()
    try disk.check()
  }

  /// Returns when everything appended before the call is durable, which is also when readers see it. Callers that come while
  /// a round of fdatasync runs share the next one.
  ///
  /// - Errors: `.unavailable` when the disk is full, in which case the records wait and a later call tries again; or when it
  ///   failed, in which case nothing is taken until the log is opened again. Either way nothing that an earlier call made
  ///   durable is lost, and the records of this one may or may not survive: send them again.
  public func sync() throws(Failure) {
    commitLock.lock()
    defer { commitLock.unlock() }
    let group = gathering
    while !group.isDone {
      if isCommitting {
        commitLock.wait()
        continue
      }
      isCommitting = true
      gathering = CommitGroup()
      commitLock.unlock()
      let failure = commit()
      commitLock.lock()
      group.failure = failure
      group.isDone = true
      isCommitting = false
      commitLock.wakeAll()
    }
    if let failure = group.failure { throw failure }
  }

  /// Every partition is tried; the first failure is returned.
  private func commit() -> Failure? {
    var first: Failure?
    var pending: [(SegmentPartition, PendingSync)] = []
    for partition in partitions where isWritable {
      do throws(Failure) {
        if let sync = try partition.prepareSync() { pending.append((partition, sync)) }
      } catch { first = first ?? error }
    }
    for (partition, sync) in pending {
      do throws(Failure) { try partition.finish(sync) } catch { first = first ?? error }
    }
    return first
  }

  public func endOffset(partition: Int) throws(Failure) -> Int64? { partitions[partition].bounds.end }

  /// The first kept offset.
  public func startOffset(partition: Int) -> Int64 { partitions[partition].bounds.start }

  public func startPosition(partition: Int) throws(Failure) -> LogPosition {
    LogPosition(offset: startOffset(partition: partition), file: 0, byte: 0, check: 0)
  }

  /// The stamp of the last appended record in milliseconds; nil without any.
  public func lastStamp(partition: Int) -> Int64? {
    let stamp = partitions[partition].lastStamp
    return stamp == .min ? nil : stamp
  }

  /// - Errors: `.corrupt` when the position is not of this log; `.invalid` when retention has passed it.
  public func reader(partition: Int, from position: LogPosition) throws(Failure) -> any LogReader {
    try SegmentReader(partitions[partition], from: position)
  }

  /// Appends are refused while fewer bytes are free.
  public func setReserve(bytes: Int64) { disk.setReserve(bytes) }

  /// Bytes free for the log and bytes of the file system in all.
  public var diskSpace: (free: Int64, total: Int64) { disk.space }

  /// Whether it is time for a warning: less than a tenth of the file system is free.
  public var isDiskNearlyFull: Bool {
    let space = disk.space
    return space.free < space.total / 10
  }
}
