import Glibc

/// A connection to a server of this machine, byte by byte: what a well-behaved client would never send can be sent.
final class RawClient {
  private let descriptor: Int32

  /// Nil when nobody listens.
  init?(port: UInt16, host: String = "127.0.0.1") {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, String(port), &hints, &found) == 0, let address = found?.pointee else { return nil }
    defer { freeaddrinfo(found) }
    descriptor = socket(address.ai_family, Int32(SOCK_STREAM.rawValue), 0)
    // A server that never answers is a failure, not a test that hangs.
    var patience = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    guard connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 else {
      close(descriptor)
      return nil
    }
  }

  deinit { close(descriptor) }

  /// False when the server has gone away.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  @discardableResult
  func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  /// Until the server closes; nil when it did not within 20 s.
  func readToEnd() -> String? {
    var all: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = recv(descriptor, &part, part.count, 0)
      if count < 0 { return errno == ECONNRESET ? String(decoding: all, as: UTF8.self) : nil }
      if count == 0 { return String(decoding: all, as: UTF8.self) }
      all += part[..<count]
    }
  }

  /// As far as that text, and what came with its end; false when the server closed before, or said nothing for 20 s.
  ///
  /// - `all`: what has come so far, with what comes now.
  func read(into all: inout String, until text: String) -> Bool {
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while !all.contains(text) {
      let count = recv(descriptor, &part, part.count, 0)
      guard count > 0 else { return false }
      all += String(decoding: part[..<count], as: UTF8.self)
    }
    return true
  }

  /// One request on a connection of its own; head and body of the answer.
  static func ask(_ port: UInt16, _ method: String, _ target: String, host: String = "127.0.0.1") -> (
    head: String, body: String
  )? {
    guard let client = RawClient(port: port, host: host) else { return nil }
    client.send("\(method) \(target) HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
    guard let text = client.readToEnd(), let gap = text.firstRange(of: "\r\n\r\n") else { return nil }
    return (String(text[..<gap.lowerBound]), String(text[gap.upperBound...]))
  }
}
