import Basics
import Glibc

/// Small files that must be whole after a crash: written beside, synced, renamed, and the directory synced.
public enum DurableFile {
  /// - `mode`: who may read and write it.
  public static func write(_ text: String, to path: String, mode: mode_t = 0o644) throws(Failure) {
    let temporary = path + ".new"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard file >= 0 else { throw failed("create", temporary) }
    let bytes = Array(text.utf8)
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes { Glibc.write(file, $0.baseAddress!, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let failure = failed("write", temporary)
        close(file)
        throw failure
      }
      written += count
    }
    guard fsync(file) == 0 else {
      let failure = failed("sync", temporary)
      close(file)
      throw failure
    }
    close(file)
    guard rename(temporary, path) == 0 else { throw failed("rename", temporary) }
    try syncDirectory(of: path)
  }

  /// Nil when there is no such file.
  public static func read(_ path: String) throws(Failure) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    if file < 0, errno == ENOENT || errno == ENOTDIR { return nil }
    guard file >= 0 else { throw failed("open", path) }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = Glibc.read(file, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failed("read", path) }
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  static func makeDirectory(_ path: String) throws(Failure) {
    if mkdir(path, 0o755) == 0 {
      try syncDirectory(of: path)
      return
    }
    if errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
      throw failed("create directory", path)
    }
    try makeDirectory(String(path[..<slash]))
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw failed("create directory", path) }
    try syncDirectory(of: path)
  }

  /// Names in a directory, sorted; empty when there is none.
  static func list(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Bytes of the files right in a directory; 0 when there is none.
  static func bytes(in directory: String, suffix: String = "") -> Int {
    list(directory).reduce(0) { sum, name in
      guard name.hasSuffix(suffix) else { return sum }
      var status = stat()
      return stat("\(directory)/\(name)", &status) == 0 ? sum + Int(status.st_size) : sum
    }
  }

  /// Bytes of all files below a directory; 0 when there is none. What has several names there counts once.
  static func treeBytes(_ directory: String) -> Int {
    var seen: Set<ino_t> = []
    return treeBytes(directory, &seen)
  }

  private static func treeBytes(_ directory: String, _ seen: inout Set<ino_t>) -> Int {
    var bytes = 0
    for name in list(directory) {
      var status = stat()
      guard lstat("\(directory)/\(name)", &status) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        bytes += treeBytes("\(directory)/\(name)", &seen)
      } else if status.st_nlink == 1 || seen.insert(status.st_ino).inserted {
        bytes += Int(status.st_size)
      }
    }
    return bytes
  }

  /// Bytes of a file; 0 when there is none.
  static func size(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  /// What is free for us on the file system that holds a path; nil when the system does not say.
  static func freeBytes(_ path: String) -> Int? {
    var space = statvfs()
    guard statvfs(path, &space) == 0 else { return nil }
    return Int(clamping: UInt64(space.f_bavail) * UInt64(space.f_frsize))
  }

  static var workingDirectory: String {
    guard let path = getcwd(nil, 0) else { return "." }
    defer { free(path) }
    return String(cString: path)
  }

  static func failed(_ what: String, _ path: String) -> Failure {
    let number = errno
    let message = "cannot \(what) \(path): \(String(cString: strerror(number)))"
    return number == ENOSPC || number == EDQUOT || number == EIO || number == EMFILE
      ? .unavailable(message) : .invalid(message)
  }

  /// Gives a directory its name for good.
  static func renameDirectory(_ from: String, to: String) throws(Failure) {
    guard rename(from, to) == 0 else { throw failed("rename", from) }
    try syncDirectory(of: to)
  }

  static func syncDirectory(of path: String) throws(Failure) {
    let slash = path.lastIndex(of: "/")
    let parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw failed("open directory", parent) }
    defer { close(directory) }
    guard fsync(directory) == 0 else { throw failed("sync directory", parent) }
  }
}
