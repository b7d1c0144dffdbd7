import Foundation
import Glibc

/// One request over a connection of its own, to a numeric address without TLS. What tests ask thousands of times does not go
/// through URLSession, which for Linux loses a race between a socket's end and its own cleaning up now and then, and the process
/// with it (swift-corelibs-foundation issues 4791, 5469).
enum PlainHTTP {
  private static let seconds = 30

  /// Nil when it is not for here (another scheme or kind of address); status 0 when nobody answered, or not to the end.
  static func ask(
    _ method: String, _ url: String, body: Data?, headers: [(name: String, value: String)]
  ) -> Served.Answer? {
    guard let parts = URLComponents(string: url), parts.scheme == "http", let host = parts.host, let port = parts.port
    else { return nil }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(clamping: port).bigEndian
    guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return nil }
    let path = parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath
    let query = parts.percentEncodedQuery.map { "?\($0)" } ?? ""
    var lines = ["\(method) \(path)\(query) HTTP/1.0", "Host: \(host):\(port)"]
    lines += headers.map { "\($0.name): \($0.value)" }
    if let body { lines.append("Content-Length: \(body.count)") }
    let request = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + Array(body ?? Data())
    let none = Served.Answer(status: 0, body: "")

    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return none }
    defer { close(descriptor) }
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
    let isConnected = withUnsafePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isConnected else { return none }
    var sent = 0
    while sent < request.count {
      let count = request.withUnsafeBytes {
        send(descriptor, $0.baseAddress! + sent, request.count - sent, Int32(MSG_NOSIGNAL))
      }
      // A server that refuses a body may have answered before it was all there.
      guard count > 0 else { break }
      sent += count
    }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { break }
      answer += buffer[..<count]
    }
    return read(answer) ?? none
  }

  private static func read(_ answer: [UInt8]) -> Served.Answer? {
    guard let end = answer.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
    let head = String(decoding: answer[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
    let body = answer[end.upperBound...]
    guard let status = head[0].split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
    for line in head.dropFirst() {
      let field = line.split(separator: ":", maxSplits: 1)
      guard field.count == 2, field[0].lowercased() == "content-length" else { continue }
      guard body.count >= Int(field[1].drop { $0 == " " }) ?? 0 else { return nil }
    }
    return Served.Answer(status: status, body: String(decoding: body, as: UTF8.self))
  }
}
