import Basics
import Glibc

/// One partition of the embedded log: its segments, and what is on its way into the last of them.
///
/// A record passes `builder` (being collected), `sealed` (whole batches in memory), the file, and fdatasync, which makes it
/// readable. A write that fails leaves `sealed` as it was, so a later sync tries again and no offset is given out twice.
///
/// `@unchecked Sendable`: every stored variable is read and written under `lock` only.
final class SegmentPartition: @unchecked Sendable {
  /// Sealed batches are written once there are this many bytes of them.
  private static let writeBytes = 1 << 20
  /// A file is synced unasked once this many of its bytes are not. So recovery knows how far back a crash can reach.
  static let unsyncedLimit = 32 << 20

  let directory: String
  let isWritable: Bool
  private let options: SegmentLogOptions
  private let fuse: Fuse

  private let lock = Lock()
  private var segments: [Segment]
  private var file: OpenFile?
  private var builder: BatchBuilder
  private var sealed = ByteWriter(capacity: 1 << 12)
  private var sealedBase: Int64
  private var nextOffset: Int64
  private var writtenOffset: Int64
  private var durableOffset: Int64
  private var stamp: Int64
  private let damage: Failure?

  /// What opening found, for the operator: torn tails that were cut.
  let recovered: String?

  init(directory: String, isWritable: Bool, options: SegmentLogOptions, fuse: Fuse) throws(Failure) {
    self.directory = directory
    self.isWritable = isWritable
    self.options = options
    self.fuse = fuse
    let found = try SegmentRecovery.run(directory: directory, mayCut: isWritable)
    segments = found.segments
    damage = found.damage
    recovered = found.note
    stamp = found.lastStamp
    nextOffset = found.end
    writtenOffset = found.end
    durableOffset = found.end
    sealedBase = found.end
    builder = BatchBuilder(base: found.end)
    guard let last = segments.last else { return }
    let opened = try OpenFile(last.path, flags: isWritable ? O_RDWR : O_RDONLY)
    // What a killed process wrote and did not sync is whole in the system's memory and not on the disk. Read as it is, a
    // power cut would leave a state, or an import's receipt, that knows more than the log.
    if last.durableBytes > 0 { try sync(opened) }
    if isWritable, damage == nil { file = opened }
  }

  /// Takes all records or, on an error, none. Durable only after `sync`.
  ///
  /// - Parameter stamps: the records' own stamps, or nil to stamp them all with `now`, or the partition's last stamp if that
  ///   is later.
  /// - Returns: the offset of the first record.
  /// - Errors: `.invalid` when stamps fall; `.unavailable` when earlier records could not be written.
  func append(
    _ bytes: UnsafeRawBufferPointer, ranges: UnsafeBufferPointer<ByteRange>, stamps: UnsafePointer<Int64>?, now: Int64
  ) throws(Failure) -> Int64 {
    lock.lock()
    defer { lock.unlock() }
    if let damage { throw damage }
    if let stamps { try check(stamps, count: ranges.count) }
    if sealed.count >= min(SegmentPartition.writeBytes, options.segmentBytes) { try write() }
    let first = nextOffset
    for index in 0..<ranges.count {
      let range = ranges[index]
      let start = Int(range.offset)
      stamp = stamps?[index] ?? max(stamp, now)
      builder.add(UnsafeRawBufferPointer(rebasing: bytes[start..<start + Int(range.length)]), stamp: stamp)
      nextOffset += 1
      if builder.byteCount >= options.batchBytes { seal() }
    }
    return first
  }

  private func check(_ stamps: UnsafePointer<Int64>, count: Int) throws(Failure) {
    var last = stamp
    for index in 0..<count {
      guard stamps[index] >= last else {
        throw .invalid(
          "\(directory): record \(index) of this append is stamped \(stamps[index]), which is before \(last), the stamp of "
            + "the record before it; stamps must not fall: give each record at least the last stamp of its partition")
      }
      last = stamps[index]
    }
  }

  /// Writes what was appended and returns what to sync; nil when everything is durable.
  func prepareSync() throws(Failure) -> PendingSync? {
    lock.lock()
    defer { lock.unlock() }
    seal()
    try write()
    guard let file, let segment = segments.last, segment.byteCount > segment.durableBytes else { return nil }
    return PendingSync(file: file, segment: segment, byteCount: segment.byteCount, offset: writtenOffset)
  }

  /// Makes durable, and readable, what `prepareSync` found. Appends go on meanwhile.
  func finish(_ pending: PendingSync) throws(Failure) {
    try sync(pending.file)
    lock.lock()
    defer { lock.unlock() }
    publish(pending)
  }

  private func publish(_ pending: PendingSync) {
    pending.segment.durableBytes = max(pending.segment.durableBytes, pending.byteCount)
    durableOffset = max(durableOffset, pending.offset)
  }

  private func seal() {
    guard builder.count > 0 else { return }
    builder.seal(into: &sealed)
  }

  private func write() throws(Failure) {
    guard sealed.count > 0 else { return }
    try fuse.check()
    if file == nil || segments.last!.byteCount >= options.segmentBytes { try roll() }
    guard let file, let segment = segments.last else { preconditionFailure("\(directory): no segment after a roll") }
    try write(sealed.bytes, to: file, at: segment.byteCount)
    segment.note(offset: sealedBase, byte: segment.byteCount)
    segment.byteCount += sealed.count
    sealed.clear()
    writtenOffset = nextOffset - Int64(builder.count)
    sealedBase = writtenOffset
    if segment.byteCount - segment.durableBytes > SegmentPartition.unsyncedLimit {
      try sync(file)
      publish(PendingSync(file: file, segment: segment, byteCount: segment.byteCount, offset: writtenOffset))
    }
  }

  private func write(_ bytes: UnsafeRawBufferPointer, to file: OpenFile, at byte: Int) throws(Failure) {
    var done = 0
    while done < bytes.count {
      let result = options.writeFile(file.descriptor, bytes.baseAddress! + done, bytes.count - done, byte + done)
      if result > 0 {
        done += result
        continue
      }
      if result < 0, errno == EINTR { continue }
      let failure = OpenFile.failure(file.path, "writing at byte \(byte + done) failed")
      do throws(Failure) { try file.cut(to: byte) } catch {
        fuse.blow(.unavailable("\(error.message); the log takes no more records until it is opened again"))
      }
      throw .unavailable(failure.message + "; what was acknowledged before is safe, free some space and send again")
    }
  }

  /// Begins a new segment. The old one is synced first: so only the last file of a partition can have a torn tail.
  private func roll() throws(Failure) {
    if let file, let segment = segments.last {
      try sync(file)
      publish(PendingSync(file: file, segment: segment, byteCount: segment.byteCount, offset: writtenOffset))
    }
    let segment = Segment(directory: directory, base: sealedBase, byteCount: 0)
    let opened = try OpenFile(segment.path, flags: O_RDWR | O_CREAT)
    try opened.cut(to: 0)
    try Directory.sync(directory)
    file = opened
    segments.append(segment)
  }

  private func sync(_ file: OpenFile) throws(Failure) {
    try fuse.check()
    while options.syncFile(file.descriptor) != 0 {
      if errno == EINTR { continue }
      // On a medium that cannot be written, everything is durable.
      if !isWritable, errno == EROFS || errno == EINVAL { return }
      let failure = OpenFile.failure(file.path, "fdatasync failed")
      fuse.blow(.unavailable("\(failure.message); the log takes no more records until it is opened again"))
      try fuse.check()
    }
  }
}

// What readers and statistics ask.
extension SegmentPartition {
  /// The first kept offset and the offset after the last readable record.
  var bounds: (start: Int64, end: Int64) {
    lock.lock()
    defer { lock.unlock() }
    return (segments.first?.base ?? 0, durableOffset)
  }

  /// The stamp of the last appended record, durable or not; `Int64.min` without any.
  var lastStamp: Int64 {
    lock.lock()
    defer { lock.unlock() }
    return stamp
  }

  /// The segment that holds `offset`, and a byte in it where a batch begins at or before it.
  func locate(_ offset: Int64) -> (segment: Segment, offset: Int64, byte: Int)? {
    lock.lock()
    defer { lock.unlock() }
    guard let segment = segments.last(where: { $0.base <= offset }) else { return nil }
    let floor = segment.floor(offset)
    return (segment, floor.offset, floor.byte)
  }

  func note(_ segment: Segment, offset: Int64, byte: Int) {
    lock.lock()
    defer { lock.unlock() }
    segment.note(offset: offset, byte: byte)
  }

  /// How many bytes of a segment may be read, and whether that is all it will ever have.
  func readable(_ segment: Segment) -> (byteCount: Int, isClosed: Bool) {
    lock.lock()
    defer { lock.unlock() }
    return (segment.durableBytes, segments.last !== segment)
  }

  /// The oldest kept segment behind `segment`; the first when nil.
  func segment(after segment: Segment?) -> Segment? {
    lock.lock()
    defer { lock.unlock() }
    guard let segment else { return segments.first }
    return segments.first { $0.base > segment.base }
  }

  /// Set when the last segment is damaged in its middle: what lies behind the damage cannot be reached.
  var knownDamage: Failure? { damage }

  func list(partition: Int) -> [SegmentInfo] {
    lock.lock()
    defer { lock.unlock() }
    return segments.indices.map { index in
      let segment = segments[index]
      return SegmentInfo(
        partition: partition, path: segment.path, base: segment.base,
        end: index + 1 < segments.count ? segments[index + 1].base : max(segment.base, durableOffset),
        byteCount: segment.durableBytes)
    }
  }

  /// Removes the oldest segment; never the last one.
  func removeFirst(_ path: String) throws(Failure) {
    lock.lock()
    defer { lock.unlock() }
    guard segments.count > 1, segments[0].path == path else { return }
    guard unlink(path) == 0 || errno == ENOENT else { throw OpenFile.failure(path, "cannot be removed") }
    segments.removeFirst()
    try Directory.sync(directory)
  }
}
