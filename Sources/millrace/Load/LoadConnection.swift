import Basics
import Glibc

/// One connection to a server, kept open from request to request. Owned by one thread.
///
/// Of our own, since a load generator on the machine of its server should cost as little as it can.
final class LoadConnection {
  struct Answer {
    var status: Int
    var retryAfterSeconds: Int?
    /// What the server says it took, from the head of the request to the answer.
    var serverMicroseconds: Int64?
    var body: [UInt8]
  }

  private let address: LoadAddress
  private let authorization: String
  private var descriptor: Int32 = -1
  private var received: [UInt8] = []

  /// - `key`: an API key; nil without any.
  init(_ address: LoadAddress, key: String?) {
    self.address = address
    authorization = key.map { "Authorization: Bearer \($0)\r\n" } ?? ""
  }

  deinit { disconnect() }

  /// Nil when there is no server, or it went away before it answered.
  func post(_ path: String, _ body: UnsafeRawBufferPointer) -> Answer? {
    guard descriptor >= 0 || connect() else { return nil }
    let head =
      "POST \(path) HTTP/1.1\r\nHost: \(address.host):\(address.port)\r\n\(authorization)"
      + "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n"
    let isSent = Array(head.utf8).withUnsafeBytes { send($0, UInt32(MSG_MORE)) } && send(body, 0)
    // A server may refuse what it has not read to the end.
    guard let answer = receive() else {
      disconnect()
      return nil
    }
    if !isSent { disconnect() }
    return answer
  }

  /// As `post`.
  func get(_ target: String) -> Answer? {
    guard descriptor >= 0 || connect() else { return nil }
    let head = "GET \(target) HTTP/1.1\r\nHost: \(address.host):\(address.port)\r\n\(authorization)\r\n"
    guard Array(head.utf8).withUnsafeBytes({ send($0, 0) }), let answer = receive() else {
      disconnect()
      return nil
    }
    return answer
  }

  private func connect() -> Bool {
    received.removeAll(keepingCapacity: true)
    descriptor = address.connect()
    guard descriptor >= 0 else { return false }
    var on: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    // A server that says nothing for so long is as good as away.
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    return true
  }

  private func disconnect() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }

  private func send(_ bytes: UnsafeRawBufferPointer, _ flags: UInt32) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = Glibc.send(
        descriptor, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL) | Int32(flags))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  private func receive() -> Answer? {
    while true {
      let end = headEnd()
      if let end {
        let head = String(decoding: received[..<end], as: UTF8.self).lowercased()
        let lines = head.split(separator: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        func header(_ name: String) -> String? {
          lines.first { $0.hasPrefix(name + ": ") }.map { String($0.dropFirst(name.count + 2)) }
        }
        let length = header("content-length").flatMap { Int($0) } ?? 0
        while received.count < end + 4 + length { guard more() else { return nil } }
        let body = Array(received[(end + 4)..<(end + 4 + length)])
        received.removeFirst(end + 4 + length)
        if header("connection") == "close" { disconnect() }
        return Answer(
          status: status, retryAfterSeconds: header("retry-after").flatMap { Int($0) },
          serverMicroseconds: header("server-timing").flatMap(LoadConnection.microseconds), body: body)
      }
      guard more() else { return nil }
    }
  }

  /// Of `total;dur=12.345`, milliseconds.
  private static func microseconds(_ timing: String) -> Int64? {
    guard let duration = timing.split(separator: "dur=").last.flatMap({ Double($0) }) else { return nil }
    return Int64(duration * 1_000)
  }

  private func headEnd() -> Int? {
    guard received.count >= 4 else { return nil }
    return (0...received.count - 4).first {
      received[$0] == 13 && received[$0 + 1] == 10 && received[$0 + 2] == 13 && received[$0 + 3] == 10
    }
  }

  private func more() -> Bool {
    guard descriptor >= 0 else { return false }
    return withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 1) { room in
      while true {
        let count = recv(descriptor, room.baseAddress!, room.count, 0)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        received.append(contentsOf: UnsafeRawBufferPointer(rebasing: room[..<count]))
        return true
      }
    }
  }
}

/// Where a server listens, looked up once.
struct LoadAddress: Sendable {
  let host: String
  let port: UInt16
  private let name: [UInt8]
  private let family: Int32

  /// - `url`: `http://host:port`.
  init(_ url: String) throws(Failure) {
    let parts = url.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count >= 3, parts[0] == "http:", parts[1].isEmpty,
      parts.count == 3 || (parts.count == 4 && parts[3].isEmpty)
    else { throw .invalid("--http takes the URL of a server such as http://127.0.0.1:8080, not '\(url)'") }
    let colon = parts[2].lastIndex(of: ":")
    let name = colon.map { parts[2][..<$0] } ?? parts[2]
    host = String(name.hasPrefix("[") ? name.dropFirst().dropLast() : name)
    guard let port = colon == nil ? 80 : UInt16(parts[2][parts[2].index(after: colon!)...]) else {
      throw .invalid("--http takes the URL of a server such as http://127.0.0.1:8080, not '\(url)'")
    }
    self.port = port
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &found)
    guard code == 0, let address = found?.pointee else {
      throw .invalid("--http: '\(host)' is unknown: \(String(cString: gai_strerror(code)))")
    }
    defer { freeaddrinfo(found) }
    family = address.ai_family
    self.name = Array(UnsafeRawBufferPointer(start: address.ai_addr, count: Int(address.ai_addrlen)))
  }

  /// A connected socket; -1 when nobody answers.
  func connect() -> Int32 {
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    let isConnected = name.withUnsafeBytes { name in
      Glibc.connect(descriptor, name.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(name.count)) == 0
    }
    guard !isConnected else { return descriptor }
    close(descriptor)
    return -1
  }
}
