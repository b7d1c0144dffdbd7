import Basics
import Glibc

/// Directories as the log needs them: entries that survive a power cut.
enum Directory {
  /// Names in no particular order, without `.` and `..`.
  static func names(in path: String) throws(Failure) -> [String] {
    guard let handle = opendir(path) else { throw OpenFile.failure(path, "cannot be listed") }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Creates the directory and those above it, each made durable in its parent.
  static func create(_ path: String) throws(Failure) {
    if exists(path) { return }
    let parent = parent(of: path)
    if parent != path { try create(parent) }
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw OpenFile.failure(path, "cannot be created") }
    try sync(parent)
  }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Makes the entries of a directory durable: without it a new file may be gone after a power cut, content and all.
  static func sync(_ path: String) throws(Failure) {
    try OpenFile(path, flags: O_RDONLY | O_DIRECTORY).sync()
  }

  static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
