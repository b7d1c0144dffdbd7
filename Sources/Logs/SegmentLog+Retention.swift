import Basics
import Glibc

extension SegmentLog {
  /// All segments of all partitions, oldest first within a partition.
  public var segments: [SegmentInfo] { partitions.indices.flatMap { partitions[$0].list(partition: $0) } }

  /// Bytes of all segments.
  public var byteCount: Int { segments.reduce(0) { $0 + $1.byteCount } }

  /// Removes whole segments that are too old or too many, never the one being written. Age counts from when bytes were last
  /// written to the file, not from stamps: imported history is as young as its import.
  ///
  /// - Parameter now: wall clock, milliseconds.
  /// - Returns: the segments that are gone.
  @discardableResult
  public func applyRetention(now: Int64) throws(Failure) -> [SegmentInfo] {
    guard isWritable else { throw .invalid("\(directory): was opened to be read only") }
    var removed: [SegmentInfo] = []
    var closed: [(info: SegmentInfo, written: Int64)] = []
    var total = 0
    for partition in partitions.indices {
      let list = partitions[partition].list(partition: partition)
      total += list.reduce(0) { $0 + $1.byteCount }
      for info in list.dropLast() { closed.append((info, try SegmentLog.lastWritten(info.path))) }
    }
    // Within a partition by offset, so that what is kept never has a hole, whatever the files' times say.
    closed.sort { ($0.written, $0.info.partition, $0.info.base) < ($1.written, $1.info.partition, $1.info.base) }
    var stopped: Set<Int> = []
    for (info, written) in closed {
      let isOld = options.retentionMilliseconds.map { now - written > $0 } ?? false
      let isTooMuch = options.retentionBytes.map { Int64(total) > $0 } ?? false
      guard isOld || isTooMuch, !stopped.contains(info.partition), startOffset(partition: info.partition) == info.base
      else {
        stopped.insert(info.partition)
        continue
      }
      try partitions[info.partition].removeFirst(info.path)
      total -= info.byteCount
      removed.append(info)
    }
    return removed
  }

  private static func lastWritten(_ path: String) throws(Failure) -> Int64 {
    let time = try OpenFile(path, flags: O_RDONLY).status().st_mtim
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
  }
}
