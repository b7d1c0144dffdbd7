import Basics
import CWebFiles
import Foundation

/// Files for browsers that are part of the program.
enum WebFiles {
  private static let files: [String: (type: String, bytes: [UInt8], tag: String)] = {
    var files: [String: (type: String, bytes: [UInt8], tag: String)] = [:]
    for file in UnsafeBufferPointer(start: web_files, count: web_file_count) {
      let bytes = Array(UnsafeBufferPointer(start: file.bytes, count: file.count))
      files[String(cString: file.path)] = (String(cString: file.type), bytes, "\"\(tag(bytes))\"")
    }
    // Chart.js is Debian's (libjs-chart.js), as it is installed; without it the pages show tables.
    if let bytes = FileManager.default.contents(atPath: "/usr/share/javascript/chart.js/chart.min.js").map(Array.init) {
      files["/ui/chart.js"] = ("text/javascript; charset=utf-8", bytes, "\"\(tag(bytes))\"")
    }
    return files
  }()

  static func has(_ path: String) -> Bool { files[path] != nil }

  /// A browser may keep a file, and is to ask each time whether it is still the one.
  static func response(_ request: Request) -> Response {
    guard let file = files[request.path] else { preconditionFailure("there is no file \(request.path)") }
    let more = [
      Response.Header(name: "ETag", value: file.tag),
      // Nothing from elsewhere, so that no text of an event can make a page do anything.
      Response.Header(
        name: "Content-Security-Policy",
        value: "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
          + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ]
    var response = Response(200, file.type, file.bytes, more)
    if request.headers["if-none-match"] == file.tag { response = Response(304, headers: more) }
    response.headers.removeAll { $0.name == "Cache-Control" }
    response.headers.append(Response.Header(name: "Cache-Control", value: "no-cache"))
    return response
  }

  static func tag(_ bytes: [UInt8]) -> String {
    // FNV-1a, 64 bits: two editions of a file are told apart, nothing more.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return String(hash, radix: 16)
  }
}
