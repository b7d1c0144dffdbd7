import Basics
import Glibc

/// Owns a file descriptor; it is closed with the last reference.
final class OpenFile: Sendable {
  let path: String
  let descriptor: Int32

  /// - Errors: `.invalid` when there is no such file or it may not be opened, else `.unavailable`.
  init(_ path: String, flags: Int32, mode: mode_t = 0o644) throws(Failure) {
    self.path = path
    descriptor = open(path, flags | O_CLOEXEC, mode)
    if descriptor < 0 { throw OpenFile.failure(path, "cannot be opened") }
  }

  deinit { close(descriptor) }

  /// The last error of the C library as a `Failure` of the kind that fits.
  static func failure(_ path: String, _ what: String) -> Failure {
    let code = errno
    let message = "\(path): \(what): \(String(cString: strerror(code)))"
    return switch code {
    case ENOENT, ENOTDIR, EISDIR, EACCES, EPERM, EROFS, ENAMETOOLONG, ELOOP: .invalid(message)
    default: .unavailable(message)
    }
  }

  func status() throws(Failure) -> stat {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw OpenFile.failure(path, "cannot be examined") }
    return status
  }

  func byteCount() throws(Failure) -> Int { Int(try status().st_size) }

  /// Reads up to `count` bytes from `byte` on; fewer only at the end of the file.
  func read(into bytes: UnsafeMutableRawPointer, count: Int, at byte: Int) throws(Failure) -> Int {
    var done = 0
    while done < count {
      let result = pread(descriptor, bytes + done, count - done, off_t(byte + done))
      if result == 0 { break }
      if result < 0 {
        if errno == EINTR { continue }
        throw OpenFile.failure(path, "reading at byte \(byte + done) failed")
      }
      done += result
    }
    return done
  }

  /// The first 4 KiB of a small text file.
  func text() throws(Failure) -> String {
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
    defer { room.deallocate() }
    let count = try read(into: room.baseAddress!, count: room.count, at: 0)
    return String(decoding: UnsafeRawBufferPointer(rebasing: room[..<count]), as: UTF8.self)
  }

  func cut(to byteCount: Int) throws(Failure) {
    while ftruncate(descriptor, off_t(byteCount)) != 0 {
      if errno != EINTR { throw OpenFile.failure(path, "cannot be cut to \(byteCount) bytes") }
    }
  }

  /// Makes content and length durable.
  func sync() throws(Failure) {
    guard fsync(descriptor) == 0 else { throw OpenFile.failure(path, "fsync failed") }
  }
}
