import Basics
import Glibc

/// What can be seen of an embedded log without reading all of it.
extension SegmentLog {
  /// Whether a topic has a log under a directory.
  public static func exists(directory: String, topic: String) -> Bool {
    Directory.exists("\(directory)/\(topic)/log.json")
  }

  /// The process that writes the log; nil when there is none.
  public static func writer(directory: String, topic: String) -> String? {
    guard let file = try? OpenFile("\(directory)/\(topic)/lock", flags: O_RDONLY),
      flock(file.descriptor, LOCK_SH | LOCK_NB) != 0
    else { return nil }
    let pid = ((try? file.text()) ?? "").prefix { $0.isNumber }
    return pid.isEmpty ? "(unknown)" : String(pid)
  }

  /// The first damage that headers tell of: nothing is decompressed.
  ///
  /// - `headers`: how many batches are looked at, newest segments first; of older ones only the beginnings are.
  /// - Errors: `.unavailable` when a segment cannot be read now.
  public func damage(partition: Int, headers: Int = 100_000) throws(Failure) -> String? {
    if let damage = partitions[partition].knownDamage { return damage.message }
    var left = headers
    let segments = partitions[partition].list(partition: partition)
    for segment in segments.dropLast().reversed() {
      guard Directory.exists(segment.path) else { return "\(segment.path): the file is gone; restore it from a copy" }
      let walk = SegmentWalk(file: try OpenFile(segment.path, flags: O_RDONLY), limit: segment.byteCount)
      var byte = 0
      var offset = segment.base
      var isLookedThrough = false
      while byte < segment.byteCount {
        guard let header = try walk.header(at: byte), header.base == offset else { break }
        offset = header.end
        byte += header.totalBytes
        left -= 1
        if left <= 0 {
          isLookedThrough = true
          break
        }
      }
      if isLookedThrough { continue }
      guard byte == segment.byteCount else {
        return SegmentRecovery.damaged(segment.path, byte, offset, "its header is not intact", isLast: false).message
      }
      guard offset == segment.end else {
        return
          "\(segment.path) ends with offset \(offset) and the next segment begins with \(segment.end): the records between "
          + "them are missing; restore the segments from a copy"
      }
    }
    return nil
  }

  /// The stamp of the first kept record in milliseconds; nil without any, or when it cannot be read.
  public func firstStamp(partition: Int) -> Int64? {
    guard let position = try? startPosition(partition: partition),
      let reader = try? reader(partition: partition, from: position)
    else { return nil }
    let slice = LogSlice()
    guard (try? reader.read(into: slice, maxBytes: 1 << 20, maxRecords: 1)) != nil, slice.count > 0 else { return nil }
    return slice.stamps[0]
  }
}
