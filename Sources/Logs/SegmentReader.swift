import Basics
import Glibc

/// Reads one partition of the embedded log, and follows it while it grows.
///
/// A batch that fits the slice is decompressed straight into it. A larger one, or the rest of one, is kept here and handed
/// out piece by piece.
final class SegmentReader: LogReader {
  private let partition: SegmentPartition
  private let zstd = Zstd()
  private var segment: Segment?
  private var file: OpenFile?
  /// Where the next batch begins in the file, and bytes of the file that are in memory.
  private var byte = 0
  private var input: UnsafeMutableRawBufferPointer
  private var inputStart = 0
  private var inputCount = 0
  private var position: LogPosition
  /// The rest of a batch: its records are in `held.bytes`, `heldNext` is the first not handed out.
  private let held = LogSlice(byteCapacity: 1 << 16, recordCapacity: 256)
  private var heldNext = 0
  var bound = Int64.max

  init(_ partition: SegmentPartition, from position: LogPosition) throws(Failure) {
    self.partition = partition
    self.position = position
    input = .allocate(byteCount: 1 << 19, alignment: 16)
    let bounds = partition.bounds
    guard position.offset <= bounds.end else {
      if let damage = partition.knownDamage { throw damage }
      throw .corrupt(
        "\(partition.directory): ends at offset \(bounds.end), but reading is to go on at \(position.offset): this state is "
          + "not of this log; start the state again from the beginning, or bring back the log it was made from")
    }
    guard position.offset >= bounds.start else {
      throw .invalid(
        "\(partition.directory): the log now begins at offset \(bounds.start), because retention removed what stood before; "
          + "it cannot be read from \(position.offset): start from \(bounds.start), and keep the log longer")
    }
    if position.offset > bounds.start { try seek() }
  }

  deinit { input.deallocate() }

  func read(into slice: LogSlice, maxBytes: Int, maxRecords: Int) throws(Failure) {
    slice.clear()
    let maxRecords = min(maxRecords, Int(clamping: bound - position.offset))
    do throws(Failure) {
      while slice.count < maxRecords {
        if heldNext < held.count {
          guard handOut(slice, maxBytes, maxRecords) else { break }
          continue
        }
        guard let header = try nextHeader() else { break }
        let fits = slice.byteCount + header.rawBytes <= maxBytes && slice.count + header.records <= maxRecords
        if !fits, slice.count > 0 { break }
        if fits {
          try decode(header, into: slice)
          position.offset = header.end
        } else {
          held.clear()
          heldNext = 0
          try decode(header, into: held)
        }
      }
    } catch {
      // What stands before the damage is good; the next call finds the damage first.
      if slice.count == 0 { throw error }
    }
    if slice.count > 0 {
      position.offset = slice.offsets[slice.count - 1] + 1
      position.check = SegmentReader.check(slice, slice.count - 1)
    }
    slice.end = position
  }

  /// Copies held records; false when not one more fits.
  private func handOut(_ slice: LogSlice, _ maxBytes: Int, _ maxRecords: Int) -> Bool {
    let first = heldNext
    while heldNext < held.count, slice.count < maxRecords {
      let range = held.ranges[heldNext]
      if slice.count > 0, slice.byteCount + Int(range.length) > maxBytes { break }
      slice.append(
        UnsafeRawBufferPointer(start: held.bytes + Int(range.offset), count: Int(range.length)),
        stamp: held.stamps[heldNext], offset: held.offsets[heldNext])
      heldNext += 1
    }
    position.offset = held.offsets[heldNext - 1] + 1
    return heldNext > first
  }

  /// Finds the record before the position and compares it with the one the position remembers.
  private func seek() throws(Failure) {
    let wanted = position.offset - 1
    guard let place = partition.locate(wanted) else { preconditionFailure("no segment holds offset \(wanted)") }
    try enter(place.segment)
    byte = place.byte
    position.offset = place.offset
    while let header = try nextHeader() {
      if header.end <= wanted {
        partition.note(place.segment, offset: header.base, byte: byte)
        byte += header.totalBytes
        position.offset = header.end
        continue
      }
      try decode(header, into: held)
      heldNext = Int(wanted - header.base) + 1
      guard SegmentReader.check(held, heldNext - 1) == position.check else {
        throw .corrupt(
          "\(place.segment.path): the record at offset \(wanted) is not the one last read: this state is not of this log; "
            + "start the state again from the beginning, or bring back the log it was made from")
      }
      position.offset = wanted + 1
      return
    }
    throw damaged("it ends before offset \(wanted)")
  }

  /// The next batch's header, from the next segment if this one is finished; nil at the durable end.
  private func nextHeader() throws(Failure) -> BatchHeader? {
    while true {
      if let segment {
        let readable = partition.readable(segment)
        if byte < readable.byteCount { return try header(limit: readable.byteCount) }
        if !readable.isClosed {
          if let damage = partition.knownDamage { throw damage }
          return nil
        }
      }
      guard let next = partition.segment(after: segment) else { return nil }
      guard next.base == position.offset else {
        try checkRetention()
        throw damaged("the records from offset \(position.offset) to \(next.base) are missing")
      }
      try enter(next)
    }
  }

  private func checkRetention() throws(Failure) {
    let start = partition.bounds.start
    guard start > position.offset else { return }
    throw .invalid(
      "\(partition.directory): retention removed the log before offset \(start) while it was still to be read from "
        + "\(position.offset); keep the log longer, or start again from \(start)")
  }

  private func enter(_ next: Segment) throws(Failure) {
    guard Directory.exists(next.path) else {
      try checkRetention()
      throw .corrupt("\(next.path): the file is gone; restore it from a copy, or start again behind it")
    }
    let opened = try OpenFile(next.path, flags: O_RDONLY)
    posix_fadvise(opened.descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
    segment = next
    file = opened
    byte = 0
    inputCount = 0
  }

  private func header(limit: Int) throws(Failure) -> BatchHeader {
    guard let bytes = try bytes(BatchHeader.byteCount, at: byte, limit: limit), let header = BatchHeader(bytes) else {
      throw damaged("its header is not intact")
    }
    guard header.base == position.offset else {
      throw damaged("it begins with offset \(header.base), not \(position.offset)")
    }
    guard byte + header.totalBytes <= limit else { throw damaged("the file ends within it") }
    return header
  }

  /// Appends the batch's records to `target` and steps behind it.
  private func decode(_ header: BatchHeader, into target: LogSlice) throws(Failure) {
    let limit = byte + header.totalBytes
    guard let stored = try bytes(header.storedBytes, at: byte + BatchHeader.byteCount, limit: limit),
      Checksum.crc32c(stored) == header.payloadCheck
    else { throw damaged("its checksum does not match") }
    let start = target.byteCount
    target.reserve(bytes: start + header.rawBytes)
    let raw = UnsafeMutableRawPointer(target.bytes + start)
    if header.isCompressed {
      guard zstd.decompress(stored, into: raw, count: header.rawBytes) else { throw damaged("it does not decompress") }
    } else {
      raw.copyMemory(from: stored.baseAddress!, byteCount: header.rawBytes)
    }
    let countBefore = target.count
    guard SegmentReader.split(header, in: target, at: start) else {
      target.truncate(count: countBefore)
      throw damaged("its lengths do not add up")
    }
    target.byteCount = start + header.rawBytes
    byte = limit
  }

  /// Describes the records of an uncompressed payload; false when it is not made of exactly that many.
  private static func split(_ header: BatchHeader, in slice: LogSlice, at start: Int) -> Bool {
    let end = start + header.rawBytes
    let bytes = slice.bytes
    var index = start
    func varint() -> UInt64? {
      var value: UInt64 = 0
      var shift: UInt64 = 0
      while index < end, shift < 64 {
        let byte = bytes[index]
        index += 1
        value |= UInt64(byte & 0x7f) << shift
        if byte < 0x80 { return value }
        shift += 7
      }
      return nil
    }
    var stamp = header.firstStamp
    for number in 0..<header.records {
      guard let delta = varint(), let length = varint(), length <= UInt64(end - index) else { return false }
      stamp &+= Int64(bitPattern: delta)
      slice.add(
        range: ByteRange(offset: UInt32(index), length: UInt32(length)), stamp: stamp,
        offset: header.base + Int64(number))
      index += Int(length)
    }
    return index == end
  }

  /// Bytes of the file, read ahead; nil when the file ends before them.
  private func bytes(_ count: Int, at start: Int, limit: Int) throws(Failure) -> UnsafeRawBufferPointer? {
    guard start + count <= limit, let file, let segment else { return nil }
    if start < inputStart || start + count > inputStart + inputCount {
      if count > input.count {
        input.deallocate()
        input = .allocate(byteCount: count * 2, alignment: 16)
      }
      let readable = partition.readable(segment).byteCount
      inputCount = 0
      inputCount = try file.read(into: input.baseAddress!, count: min(input.count, readable - start), at: start)
      inputStart = start
      guard inputCount >= count else { return nil }
    }
    let first = start - inputStart
    return UnsafeRawBufferPointer(rebasing: input[first..<first + count])
  }

  private func damaged(_ reason: String) -> Failure {
    SegmentRecovery.damaged(
      segment?.path ?? partition.directory, byte, position.offset, reason,
      isLast: segment == nil || partition.segment(after: segment) == nil)
  }

  private static func check(_ slice: LogSlice, _ index: Int) -> UInt64 {
    let range = slice.ranges[index]
    return UInt64(
      Checksum.crc32c(UnsafeRawBufferPointer(start: slice.bytes + Int(range.offset), count: Int(range.length))))
  }
}
