import Foundation

/// Events in files of a directory: lines appended to the newest, read from the oldest, whose name and place of the first event
/// not yet removed are in `position`. A crash loses no event that `append` took, unless the whole machine fails, and may give
/// some out again: they have the same ids.
struct Spool {
  private struct Segment {
    var number: Int
    var bytes: Int
  }

  private static let segmentBytes = 4 << 20

  private let directory: URL
  private let mostBytes: Int
  private var lock: Int32
  /// Oldest first; the last is appended to.
  private var segments: [Segment] = []
  /// In the oldest.
  private var offset = 0
  private var writer: Int32 = -1
  /// The length of the lines last given out.
  private var given: [Int] = []
  private(set) var events = 0

  init(_ directory: URL, mostBytes: Int) throws(ClientError) {
    self.directory = directory
    self.mostBytes = mostBytes
    do { try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true) } catch {
      throw ClientError("the spool \(directory.path) cannot be made: \(error)")
    }
    lock = open(directory.appendingPathComponent("lock").path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      let reason =
        errno == EWOULDBLOCK
        ? "another client has it; give each a directory of its own" : String(cString: strerror(errno))
      if lock >= 0 { close(lock) }
      throw ClientError("the spool \(directory.path) cannot be used: \(reason)")
    }
    do throws(ClientError) { try load() } catch {
      close(lock)
      throw error
    }
  }

  private mutating func load() throws(ClientError) {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: directory.path) else {
      throw ClientError("the spool \(directory.path) cannot be read")
    }
    let numbers = names.compactMap { $0.hasSuffix(".ndjson") ? Int($0.dropLast(7)) : nil }.sorted()
    let saved = (try? String(contentsOf: positionFile, encoding: .utf8))?.split(whereSeparator: \.isWhitespace)
      .compactMap { Int($0) }
    let position = saved?.count == 2 ? (number: saved![0], offset: saved![1]) : (number: numbers.first ?? 1, offset: 0)
    for number in numbers {
      guard number >= position.number else {
        try? FileManager.default.removeItem(at: file(number))
        continue
      }
      guard let data = try? Data(contentsOf: file(number)) else {
        throw ClientError("\(file(number).path) cannot be read")
      }
      // The process, or the disk, ended in the middle of a line.
      let whole = data.lastIndex(of: 10).map { $0 + 1 } ?? 0
      if whole < data.count { _ = truncate(file(number).path, off_t(whole)) }
      let begin = number == position.number ? min(position.offset, whole) : 0
      if number == position.number { offset = begin }
      events += data[begin..<whole].count { $0 == 10 }
      segments.append(Segment(number: number, bytes: whole))
    }
    if segments.isEmpty { segments.append(Segment(number: max(position.number, 1), bytes: 0)) }
    try openWriter()
  }

  private mutating func openWriter() throws(ClientError) {
    let path = file(segments.last!.number).path
    let next = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard next >= 0 else { throw ClientError("\(path) cannot be written: \(String(cString: strerror(errno)))") }
    if writer >= 0 { close(writer) }
    writer = next
  }

  mutating func end() {
    if writer >= 0 { close(writer) }
    if lock >= 0 { close(lock) }
    (writer, lock) = (-1, -1)
  }

  private var positionFile: URL { directory.appendingPathComponent("position") }

  private func file(_ number: Int) -> URL {
    let digits = String(number)
    return directory.appendingPathComponent(
      String(repeating: "0", count: max(0, 12 - digits.count)) + digits + ".ndjson")
  }

  mutating func append(_ line: [UInt8]) throws(ClientError) {
    guard writer >= 0 else { throw ClientError("the client is closed") }
    guard segments.reduce(line.count - offset, { $0 + $1.bytes }) < mostBytes else {
      throw ClientError("the spool holds \(mostBytes) bytes already")
    }
    if segments.last!.bytes >= Self.segmentBytes {
      segments.append(Segment(number: segments.last!.number + 1, bytes: 0))
      do throws(ClientError) { try openWriter() } catch {
        segments.removeLast()
        throw error
      }
    }
    let bytes = line + [10]
    let written = bytes.withUnsafeBytes { write(writer, $0.baseAddress, $0.count) }
    guard written == bytes.count else {
      let reason = written < 0 ? String(cString: strerror(errno)) : "the disk is full"
      // Half a line would spoil the next one.
      _ = ftruncate(writer, off_t(segments.last!.bytes))
      throw ClientError("the spool cannot be written: \(reason)")
    }
    segments[segments.count - 1].bytes += bytes.count
    events += 1
  }

  /// The first events, without their line breaks; those of one file at most.
  mutating func first(events: Int, bytes: Int) throws(ClientError) -> [[UInt8]] {
    skipFinished()
    let path = file(segments[0].number).path
    guard let handle = FileHandle(forReadingAtPath: path) else { throw ClientError("\(path) cannot be read") }
    defer { try? handle.close() }
    let wanted = min(segments[0].bytes - offset, max(bytes, 1 << 17))
    guard (try? handle.seek(toOffset: UInt64(offset))) != nil, let data = try? handle.read(upToCount: wanted) else {
      throw ClientError("\(path) cannot be read at \(offset)")
    }
    var lines: [[UInt8]] = []
    var size = 0
    for line in data.split(separator: 10, maxSplits: events, omittingEmptySubsequences: false).prefix(events) {
      // The last piece has no line break: it is cut off, or empty.
      guard line.endIndex < data.endIndex else { break }
      size += line.count + 1
      if !lines.isEmpty, size > bytes { break }
      lines.append(Array(line))
    }
    given = lines.map { $0.count + 1 }
    return lines
  }

  /// Of those last given out, the first.
  mutating func remove(_ count: Int) {
    offset += given.prefix(count).reduce(0, +)
    given.removeFirst(count)
    events -= count
    skipFinished()
    // Losing it means sending some again.
    try? Data("\(segments[0].number) \(offset)\n".utf8).write(to: positionFile, options: .atomic)
  }

  private mutating func skipFinished() {
    while segments.count > 1, offset >= segments[0].bytes {
      try? FileManager.default.removeItem(at: file(segments[0].number))
      segments.removeFirst()
      offset = 0
    }
  }
}
