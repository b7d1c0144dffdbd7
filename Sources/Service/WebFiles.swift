import Basics
import CWebFiles

/// Files for browsers that are part of the program.
enum WebFiles {
  /// By path: what is served there, and a tag that changes with it.
  private static let files: [String: (type: String, bytes: [UInt8], tag: String)] = {
    var files: [String: (type: String, bytes: [UInt8], tag: String)] = [:]
    for file in UnsafeBufferPointer(start: web_files, count: web_file_count) {
      let bytes = Array(UnsafeBufferPointer(start: file.bytes, count: file.count))
      files[String(cString: file.path)] = (String(cString: file.type), bytes, "\"\(tag(bytes))\"")
    }
    return files
  }()

  static func response(_ path: String) -> Response? {
    guard let file = files[path] else { return nil }
    return Response(200, file.type, file.bytes, [])
  }

  private static func tag(_ bytes: [UInt8]) -> String {
    // FNV-1a, 64 bits: two editions of a file are told apart, nothing more.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return String(hash, radix: 16)
  }
}
