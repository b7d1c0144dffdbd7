import Basics
import Glibc

/// What opening a partition finds on disk.
struct SegmentRecovery {
  var segments: [Segment] = []
  var end: Int64 = 0
  var lastStamp = Int64.min
  /// Set when the last segment is damaged before intact batches: those were acknowledged, so nothing may be cut.
  var damage: Failure?
  /// Set when a torn tail was found.
  var note: String?

  /// Only the end of the last segment can be torn, because it alone has bytes that no fdatasync covered, and never more than
  /// `SegmentPartition.unsyncedLimit` and one write. Payloads there are verified, all others when they are read; the closed
  /// segments are not opened at all.
  ///
  /// - Parameter mayCut: whether to cut a torn tail off, or merely to end before it.
  /// - Errors: `.corrupt` when the last stamp cannot be found, since nothing could be appended behind it.
  static func run(directory: String, mayCut: Bool) throws(Failure) -> SegmentRecovery {
    var found = SegmentRecovery()
    guard Directory.exists(directory) else { return found }
    let bases = try Directory.names(in: directory).compactMap(Segment.base(ofName:)).sorted()
    for base in bases {
      let segment = Segment(directory: directory, base: base, byteCount: 0)
      segment.byteCount = try OpenFile(segment.path, flags: O_RDONLY).byteCount()
      segment.durableBytes = segment.byteCount
      found.segments.append(segment)
    }
    guard let last = found.segments.last else { return found }
    found.end = last.base
    try found.examine(last, mayCut: mayCut)
    if found.lastStamp == .min, found.damage == nil, found.segments.count > 1 {
      found.damage = try found.takeStamp(of: found.segments[found.segments.count - 2])
    }
    return found
  }

  private mutating func examine(_ segment: Segment, mayCut: Bool) throws(Failure) {
    let file = try OpenFile(segment.path, flags: mayCut ? O_RDWR : O_RDONLY)
    let walk = SegmentWalk(file: file, limit: segment.byteCount)
    let verifiedFrom = segment.byteCount - 2 * SegmentPartition.unsyncedLimit
    var byte = 0
    while byte < segment.byteCount {
      guard let header = try walk.header(at: byte), header.base == end, byte + header.totalBytes <= segment.byteCount
      else { break }
      if byte + header.totalBytes > verifiedFrom, try !walk.isIntact(header, at: byte) { break }
      segment.note(offset: end, byte: byte)
      end = header.end
      lastStamp = header.lastStamp
      byte += header.totalBytes
    }
    let tail = segment.byteCount - byte
    guard tail > 0 else { return }
    segment.byteCount = byte
    segment.durableBytes = byte
    if let intact = try walk.firstIntact(after: byte, base: end) {
      damage = SegmentRecovery.damaged(segment.path, byte, end, "an intact batch follows at byte \(intact)")
      return
    }
    if mayCut {
      try file.cut(to: byte)
      try file.sync()
    }
    note =
      "\(segment.path): a crash left \(tail) bytes of an unfinished write at byte \(byte); "
      + (mayCut ? "they were never acknowledged and have been cut off" : "they are ignored")
  }

  /// The last segment is empty, so the last stamp is at the end of the one before.
  private mutating func takeStamp(of segment: Segment) throws(Failure) -> Failure? {
    let walk = SegmentWalk(file: try OpenFile(segment.path, flags: O_RDONLY), limit: segment.byteCount)
    var byte = 0
    var offset = segment.base
    while byte < segment.byteCount {
      guard let header = try walk.header(at: byte), header.base == offset else { break }
      lastStamp = header.lastStamp
      offset = header.end
      byte += header.totalBytes
    }
    return offset == end && byte == segment.byteCount
      ? nil : SegmentRecovery.damaged(segment.path, byte, offset, "its last stamp cannot be found", isLast: false)
  }

  /// - `isLast`: no segment follows, so cutting this one off leaves no hole.
  static func damaged(
    _ path: String, _ byte: Int, _ offset: Int64, _ reason: String, isLast: Bool = true
  ) -> Failure {
    .corrupt(
      "\(path): the batch at byte \(byte), which begins with offset \(offset), is damaged: \(reason); "
        + "restore the file from a copy, or give up everything from there on with: truncate -s \(byte) '\(path)'"
        + (isLast ? "" : later(path)))
  }

  /// Names have a fixed width, so the segments that follow sort behind.
  private static func later(_ path: String) -> String {
    let directory = path.lastIndex(of: "/").map { path[..<$0] } ?? "."
    return " && ls '\(directory)'/*.seg | awk '$0 > \"\(path)\"' | xargs -r -d '\\n' rm"
  }
}
