import Basics
import Glibc

/// Reads a small text file whole.
public enum TextFile {
  /// Errors: `.invalid` when there is no such file, it cannot be read, is over `limit` bytes or is not UTF-8. Settings
  /// files are named by the caller, so a missing one is the caller's.
  public static func read(_ path: String, limit: Int = YAML.sizeLimit) throws(Failure) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .invalid("\(path): \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 1)
    defer { chunk.deallocate() }
    while true {
      let count = Glibc.read(descriptor, chunk.baseAddress, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .invalid("\(path): \(String(cString: strerror(errno)))") }
      if count == 0 { break }
      bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: chunk[..<count]))
      guard bytes.count <= limit else { throw .invalid("\(path): larger than \(Size.bytes(Int64(limit)))") }
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .invalid("\(path):\(firstInvalidLine(bytes)): not a text file: the bytes are not UTF-8")
    }
    return text
  }

  private static func firstInvalidLine(_ bytes: [UInt8]) -> Int {
    // No byte of a longer UTF-8 sequence is a newline, so lines can be judged one by one.
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    return (lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0) + 1
  }
}
