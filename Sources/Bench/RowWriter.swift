import Basics
import Glibc

/// Rows of answers in a file, as `millrace export` prints them: a header, then key columns and measures, sorted by key.
public struct RowWriter: ~Copyable {
  private let path: String
  private let file: Int32
  private var bytes = ByteWriter(capacity: 1 << 17)
  public private(set) var rows = 0
  private var failure: Failure?

  public init(_ path: String) throws(Failure) {
    self.path = path
    file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw .unavailable("cannot create \(path): \(String(cString: strerror(errno)))") }
  }

  deinit { close(file) }

  public mutating func header(_ text: String) { line(text) }

  public mutating func row(_ key: [String], _ values: [String]) {
    line((key + values).joined(separator: ","))
    rows += 1
  }

  private mutating func line(_ text: String) {
    var text = text
    text.withUTF8 { bytes.raw(UnsafeRawBufferPointer($0)) }
    bytes.byte(UInt8(ascii: "\n"))
    if bytes.count > 1 << 16 { flush() }
  }

  private mutating func flush() {
    do throws(Failure) { try File.write(bytes.bytes, to: file, path) } catch { failure = failure ?? error }
    bytes.clear()
  }

  public mutating func finish() throws(Failure) {
    flush()
    if let failure { throw failure }
  }

  static func time(_ milliseconds: Int64) -> String { Timestamp(milliseconds: milliseconds).description }
}

enum File {
  static func write(_ bytes: UnsafeRawBufferPointer, to file: Int32, _ path: String) throws(Failure) {
    var written = 0
    while written < bytes.count {
      let count = Glibc.write(file, bytes.baseAddress! + written, bytes.count - written)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .unavailable("cannot write \(path): \(String(cString: strerror(errno)))") }
      written += count
    }
  }
}
