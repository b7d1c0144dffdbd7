import Basics
import Bench
import Foundation
import Synchronization

/// The directories of a measurement: the work, which may be kept, and everything else, which is not.
final class BenchScratch: Sendable {
  /// The work and its expected answers.
  let work: String
  /// Data directories, answers, standard output of processes.
  let directory: String

  init(work: String?) throws(Failure) {
    let temporary = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
    // Beside a work that is kept, so that both are on the disk that was chosen.
    directory = work.map { "\($0)/run-\(getpid())" } ?? "\(temporary)/millrace-bench-\(getpid())"
    self.work = work ?? "\(directory)/work"
    try BenchScratch.makeDirectory(directory)
    try BenchScratch.makeDirectory(self.work)
  }

  func path(_ name: String) -> String { "\(directory)/\(name)" }

  func remove() { try? FileManager.default.removeItem(atPath: directory) }

  func remove(_ name: String) { try? FileManager.default.removeItem(atPath: path(name)) }

  static func makeDirectory(_ path: String) throws(Failure) {
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      throw .invalid("cannot create \(path): \(error.localizedDescription)")
    }
  }

  /// All files below a directory.
  static func bytes(below path: String) -> Int64 {
    guard let files = FileManager.default.enumerator(atPath: path) else { return 0 }
    var bytes: Int64 = 0
    for case let file as String in files {
      var status = stat()
      if lstat("\(path)/\(file)", &status) == 0, status.st_mode & S_IFMT == S_IFREG { bytes += Int64(status.st_size) }
    }
    return bytes
  }

  /// Reads files once, so that no run pays for the disk and all are alike.
  static func warm(_ paths: [String]) {
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    for path in paths {
      let file = open(path, O_RDONLY | O_CLOEXEC)
      guard file >= 0 else { continue }
      while read(file, buffer, 1 << 20) > 0 {}
      close(file)
    }
  }
}

extension BenchScratch {
  static func files(below path: String) -> [String] {
    let names = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
    return names.map { "\(path)/\($0)" }
  }
}
