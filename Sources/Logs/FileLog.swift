import Basics
import Glibc
import Synchronization

/// NDJSON files, read as a log: plain, gzip or zstd, told apart by their first bytes; `-` is standard input.
///
/// A record is a line that is not blank, without its `\n` or `\r\n`; the last one may lack its line end. Of a line longer than
/// `lineLimit` only the first `lineLimit + 1` bytes are kept, and its `fullLength` tells (4 GiB at most).
public final class FileLog: Log {
  public enum Shape: Sendable {
    /// Each file is one partition.
    case keyed
    /// All files, one after another, are the only partition.
    case sequence
  }

  /// Bytes of the longest line that is kept whole.
  public static let lineLimit = 65_536

  public let paths: [String]
  public let shape: Shape
  private let read = ReadProgress()
  private let isInputTaken = Mutex(false)

  /// - Errors: `.invalid` names the first file that is missing, a directory or not readable.
  public init(paths: [String], shape: Shape) throws(Failure) {
    guard !paths.isEmpty else { throw .invalid("no files to read: name at least one, or - for standard input") }
    guard paths.count(where: { $0 == "-" }) <= 1 else {
      throw .invalid("-: standard input can be read once only; name it once")
    }
    for path in paths where path != "-" {
      var status = stat()
      guard stat(path, &status) == 0, access(path, R_OK) == 0 else { throw OpenFile.failure(path, "cannot be read") }
      guard status.st_mode & S_IFMT != S_IFDIR else {
        throw .invalid("\(path): is a directory; name the files in it")
      }
    }
    self.paths = paths
    self.shape = shape
  }

  public var partitionCount: Int { shape == .keyed ? paths.count : 1 }
  public var hasStamps: Bool { false }

  public func endOffset(partition: Int) throws(Failure) -> Int64? { nil }

  /// - Errors: `.invalid` when what was read before the position is no longer what stands there.
  public func reader(partition: Int, from position: LogPosition) throws(Failure) -> any LogReader {
    let files = shape == .keyed ? [paths[partition]] : paths
    if files.contains("-") {
      let isSecond = isInputTaken.withLock { taken in
        defer { taken = true }
        return taken
      }
      if isSecond { throw .invalid("-: standard input can be read once only; save it to a file first") }
    }
    return try FileReader(files, from: position, progress: read)
  }

  /// Bytes of the files, as stored, that all readers have consumed, and how many there are; nil with standard input.
  public var progress: (consumed: Int64, total: Int64?) {
    var total: Int64? = 0
    for path in paths {
      var status = stat()
      guard path != "-", stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        total = nil
        break
      }
      total = total.map { $0 + Int64(status.st_size) }
    }
    return (read.bytes, total)
  }
}
