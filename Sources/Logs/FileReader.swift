import Basics
import Glibc

/// Reads the lines of some files, one file after another. See `FileLog` for what a record is.
///
/// Text goes from the file straight into the slice's buffer, and records are ranges of it. What was read beyond the last whole
/// line waits in `ahead` for the next call.
final class FileReader: LogReader {
  private static let kept = FileLog.lineLimit + 1
  private static let step = 64 << 10

  private let paths: [String]
  private let progress: ReadProgress
  private var source: TextSource
  private var ahead = TextAhead()
  private var position: LogPosition
  private var digest = TextDigest()
  /// The last line had no line end when it was delivered, so a further byte would belong to it.
  private var isUnterminated = false
  /// Found behind the last whole line; thrown by the next call.
  private var failure: Failure?
  var bound = Int64.max

  init(_ paths: [String], from position: LogPosition, progress: ReadProgress) throws(Failure) {
    self.paths = paths
    self.progress = progress
    self.position = .start
    source = try TextSource(paths[0], progress: progress)
    if position != .start { try skip(to: position) }
  }

  func read(into slice: LogSlice, maxBytes: Int, maxRecords: Int) throws(Failure) {
    slice.clear()
    if let failure { throw failure }
    let maxRecords = min(maxRecords, Int(clamping: bound - position.offset))
    guard maxRecords > 0 else {
      slice.end = position
      return
    }
    var window = LineWindow(slice: slice)
    let budget = fetchBytes(maxBytes, maxRecords)
    do throws(Failure) {
      while slice.count < maxRecords {
        takeLines(&window, maxRecords)
        if slice.count >= maxRecords || (slice.count > 0 && window.end >= budget) { break }
        if window.end - window.lineStart > FileReader.kept, slice.count == 0 {
          try takeLongLine(&window)
        } else if try fill(&window, upTo: max(budget - window.end, FileReader.step)) == 0 {
          takeLastLine(&window)
          guard try openNextFile() else { break }
        }
      }
    } catch {
      failure = error
      if slice.count == 0 { throw error }
      window.dropRest()
    }
    consume(&window)
    ahead.putBack(window.rest)
    slice.byteCount = window.end
    position.check = digest.value
    slice.end = position
  }

  /// How much text is likely to hold that many records: what is too much must be copied away again.
  private func fetchBytes(_ maxBytes: Int, _ maxRecords: Int) -> Int {
    let usual = position.offset > 0 ? max(16, Int64(digest.total) / position.offset) : 1_024
    let wanted = min(Int64(maxRecords), 1 << 24) * (usual + usual / 8) + Int64(FileReader.step)
    return Int(min(Int64(max(maxBytes, 1)), wanted, 1 << 30))
  }

  /// Adds text behind the window; 0 at the end of the file.
  private func fill(_ window: inout LineWindow, upTo count: Int) throws(Failure) -> Int {
    let slice = window.slice
    slice.byteCount = window.end
    slice.reserve(bytes: window.end + count)
    let room = UnsafeMutableRawBufferPointer(start: slice.bytes + window.end, count: count)
    let got = ahead.isEmpty ? try source.read(into: room) : ahead.take(into: room)
    guard got > 0 else { return 0 }
    if isUnterminated {
      try checkGrowth(room[0])
      isUnterminated = false
    }
    window.end += got
    return got
  }

  /// Makes a record of every whole line in the window.
  private func takeLines(_ window: inout LineWindow, _ maxRecords: Int) {
    let slice = window.slice
    while slice.count < maxRecords, window.searched < window.end {
      let bytes = slice.bytes
      guard let found = memchr(bytes + window.searched, 10, window.end - window.searched) else {
        window.searched = window.end
        return
      }
      let newline = found.assumingMemoryBound(to: UInt8.self) - bytes
      let start = window.lineStart
      let length = newline > start && bytes[newline - 1] == 13 ? newline - start - 1 : newline - start
      let line = UnsafeRawBufferPointer(start: bytes + start, count: length)
      if length > 0, bytes[start] > 32 || !LineWindow.isBlank(line) { add(slice, start, length) }
      window.lineStart = newline + 1
      window.searched = newline + 1
    }
  }

  private func add(_ slice: LogSlice, _ start: Int, _ length: Int) {
    slice.add(
      range: ByteRange(
        offset: UInt32(start), length: UInt32(min(length, FileReader.kept)), fullLength: UInt32(clamping: length)),
      stamp: .min, offset: position.offset)
    position.offset += 1
  }

  /// The window holds the beginning of a line that is too long to keep: reads on to its end, keeping only the beginning.
  private func takeLongLine(_ window: inout LineWindow) throws(Failure) {
    let slice = window.slice
    let start = window.lineStart
    var length = 0
    var isBlank = true
    var endsInReturn = false
    func pass(_ bytes: UnsafeRawBufferPointer) {
      length += bytes.count
      isBlank = isBlank && LineWindow.isBlank(bytes)
      if let last = bytes.last { endsInReturn = last == 13 }
    }
    pass(UnsafeRawBufferPointer(start: slice.bytes + start, count: window.end - start))
    window.lineStart = window.end
    consume(&window)
    var isWhole = false
    while !isWhole {
      window.restart(at: start + FileReader.kept)
      if try fill(&window, upTo: FileReader.step) == 0 {
        isUnterminated = true
        break
      }
      let piece = UnsafeRawBufferPointer(start: slice.bytes + window.digested, count: window.end - window.digested)
      if let found = memchr(piece.baseAddress!, 10, piece.count) {
        let count = UnsafeRawPointer(found) - piece.baseAddress!
        pass(UnsafeRawBufferPointer(rebasing: piece[..<count]))
        window.lineStart += count + 1
        isWhole = true
      } else {
        pass(piece)
        window.lineStart = window.end
      }
      window.searched = window.lineStart
      consume(&window)
    }
    if endsInReturn, isWhole { length -= 1 }
    if !isBlank { add(slice, start, length) }
  }

  /// At the end of a file what is left is a line too.
  private func takeLastLine(_ window: inout LineWindow) {
    let length = window.end - window.lineStart
    if length > 0 {
      if !LineWindow.isBlank(window.rest) { add(window.slice, window.lineStart, length) }
      window.lineStart = window.end
      window.searched = window.end
      isUnterminated = true
    }
    // Now, because the next file's bytes are counted from 0.
    consume(&window)
  }

  /// Counts the lines before `lineStart` as read.
  private func consume(_ window: inout LineWindow) {
    let count = window.lineStart - window.digested
    guard count > 0 else { return }
    digest.add(UnsafeRawBufferPointer(start: window.slice.bytes + window.digested, count: count))
    position.byte += Int64(count)
    window.digested = window.lineStart
  }

  /// False when there is none: the end, at least for now.
  private func openNextFile() throws(Failure) -> Bool {
    guard Int(position.file) + 1 < paths.count else { return false }
    source = try TextSource(paths[Int(position.file) + 1], progress: progress)
    digest.endFile()
    position.file += 1
    position.byte = 0
    isUnterminated = false
    return true
  }

  private func checkGrowth(_ next: UInt8) throws(Failure) {
    guard next != 10, next != 13 else { return }
    throw .invalid(
      "\(source.path): its last line, at byte \(position.byte), had no line end when it was read and has grown since; use a new "
        + "--data directory to read the file again, and end every line with a newline")
  }

  /// Reads everything before `target` again and compares the digests.
  private func skip(to target: LogPosition) throws(Failure) {
    guard Int(target.file) < paths.count else {
      throw .invalid(
        "\(paths[paths.count - 1]): reading is to go on in file \(target.file + 1), but only \(paths.count) are given; name "
          + "the same files in the same order, or use a new --data directory")
    }
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { scratch.deallocate() }
    var last: UInt8 = 10
    while position.file < target.file || position.byte < target.byte {
      let count = try source.read(into: scratch)
      if count == 0 {
        guard position.file < target.file, try openNextFile() else { throw changed(target) }
        last = 10
        continue
      }
      let isLast = position.file == target.file
      let part = isLast ? Int(min(Int64(count), target.byte - position.byte)) : count
      digest.add(UnsafeRawBufferPointer(rebasing: scratch[..<part]))
      position.byte += Int64(part)
      last = scratch[part - 1]
      if part < count { ahead.putBack(UnsafeRawBufferPointer(rebasing: scratch[part..<count])) }
    }
    guard digest.value == target.check else { throw changed(target) }
    isUnterminated = last != 10
    position = target
  }

  private func changed(_ target: LogPosition) -> Failure {
    let before = target.file > 0 ? ", or the files before it," : ""
    return .invalid(
      "\(paths[Int(target.file)]): its first \(target.byte) bytes\(before) are no longer those already read; use a new --data "
        + "directory to read the files again, or bring back the files as they were")
  }
}
