import Foundation
import Glibc
import Synchronization
import Testing

@testable import Requests

/// A server that answers what it is told, byte by byte, and keeps what it was sent.
private final class Scripted: Sendable {
  private let descriptor: Int32
  let port: Int
  let heard = Mutex<[String]>([])
  let connections = Atomic(0)
  private let answers: Mutex<[String?]>

  private let closesUsed: Bool

  /// - `answers`: to the requests as they come; nil closes the connection, as what follows the last does.
  /// - `closesUsed`: a connection's second request is not answered; the connection is closed.
  init(_ answers: [String?], closesUsed: Bool = false) throws {
    self.closesUsed = closesUsed
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    self.descriptor = descriptor
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    port = withUnsafeMutablePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size)
        getsockname(descriptor, $0, &size)
      }
      return Int(UInt16(bigEndian: address.pointee.sin_port))
    }
    try #require(listen(descriptor, 8) == 0)
    self.answers = Mutex(answers)
    Thread.detachNewThread { [weak self] in
      while case let connection = accept(descriptor, nil, nil), connection >= 0 {
        Thread.detachNewThread { [weak self] in
          self?.serve(connection)
          close(connection)
        }
      }
      // Here, or its number could be another server's by the next `accept`.
      close(descriptor)
    }
  }

  private func serve(_ connection: Int32) {
    connections.add(1, ordering: .relaxed)
    var isUsed = false
    while let request = Scripted.request(connection) {
      heard.withLock { $0.append(request) }
      if closesUsed, isUsed { return }
      isUsed = true
      guard let answer = answers.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else { return }
      _ = answer.withCString { send(connection, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
      if answer.contains("Connection: close") { return }
    }
  }

  func stop() {
    shutdown(descriptor, Int32(SHUT_RDWR))
  }

  var url: String { "http://127.0.0.1:\(port)" }

  private static func request(_ connection: Int32) -> String? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = recv(connection, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      bytes += buffer[..<count]
      let text = String(decoding: bytes, as: UTF8.self)
      let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { continue }
      let length = parts[0].split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
      if parts[1].utf8.count >= length.flatMap({ Int($0.drop { $0 != " " }.dropFirst()) }) ?? 0 { return text }
    }
  }
}

@Suite struct WebRequestTests {
  private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

  @Test func whatIsAskedArrivesAndWhatIsAnsweredToo() throws {
    let server = try Scripted(["HTTP/1.1 418 Teapot\r\nX-Kind:  Earl Grey \r\nContent-Length: 5\r\n\r\nshort"])
    defer { server.stop() }
    var request = WebRequest("PUT", server.url + "/a%20b?c=%26")
    request.headers = [("Authorization", "Bearer k")]
    request.body = Array(repeating: UInt8(ascii: "x"), count: 3 << 20)
    let answer = try request.answer()
    #expect(answer.status == 418 && answer.bytes == Array("short".utf8))
    #expect(answer.headers["x-kind"] == "Earl Grey", "\(answer.headers)")
    let heard = server.heard.withLock { $0 }
    let head = heard[0].components(separatedBy: "\r\n\r\n")[0].lowercased()
    #expect(heard.count == 1 && heard[0].utf8.count > 3 << 20)
    #expect(head.hasPrefix("put /a%20b?c=%26 http/1.1\r\n") && head.contains("authorization: bearer k"), "\(head)")
    #expect(!head.contains("expect:") && !head.contains("content-type:"), "\(head)")
  }

  @Test(arguments: ["POST", "GET", "DELETE", "PUT"]) func aRedirectionIsFollowedAsTheSameRequest(method: String) throws
  {
    let server = try Scripted([
      "HTTP/1.1 302 Found\r\nX-Old: 1\r\nLocation: /there\r\nContent-Length: 4\r\n\r\ngone", Self.ok,
    ])
    defer { server.stop() }
    var request = WebRequest(method, server.url + "/here")
    if method.hasPrefix("P") { request.body = Array("body".utf8) }
    let answer = try request.answer()
    #expect(answer.bytes == Array("ok".utf8) && answer.headers["x-old"] == nil)
    let heard = server.heard.withLock { $0 }
    #expect(heard.count == 2 && heard[1].hasPrefix("\(method) /there "), "\(heard)")
    #expect(heard[1].hasSuffix("body") == method.hasPrefix("P"), "\(heard)")
  }

  @Test func aBodyWithoutBytesIsOne() throws {
    let server = try Scripted([Self.ok])
    defer { server.stop() }
    #expect(try WebRequest("POST", server.url).answer().status == 200)
    #expect(server.heard.withLock { $0[0].lowercased().contains("content-length: 0\r\n") })
  }

  @Test func halfAnAnswerIsNone() throws {
    let halves = [nil, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhalf"]
    for half in halves {
      let server = try Scripted([half])
      defer { server.stop() }
      let error = #expect(throws: Unanswered.self) { try WebRequest("GET", server.url).answer() }
      #expect(error?.reason.isEmpty == false)
    }
  }

  @Test func nobodyThereIsSaid() throws {
    let server = try Scripted([])
    server.stop()
    let error = #expect(throws: Unanswered.self) { try WebRequest("GET", server.url).answer() }
    #expect(error?.reason.contains("onnect") == true, "\(error?.reason ?? "")")
    for url in ["ftp://127.0.0.1/x", "file:///etc/hostname"] {
      let error = #expect(throws: Unanswered.self) { try WebRequest("GET", url).answer() }
      #expect(error?.reason.lowercased().contains("protocol") == true, "\(error?.reason ?? "")")
    }
  }

  @Test func whoDoesNotAnswerIsNotWaitedFor() throws {
    let server = try Scripted(["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nit begins, and"])
    defer { server.stop() }
    var request = WebRequest("GET", server.url)
    request.seconds = 0.3
    let error = #expect(throws: Unanswered.self) { try request.answer() }
    #expect(error?.reason.contains("timed out") == true, "\(error?.reason ?? "")")
  }

  @Test func connectionsAreUsedAgain() throws {
    let server = try Scripted(Array(repeating: Self.ok, count: 100))
    defer { server.stop() }
    for _ in 0..<100 { #expect(try WebRequest("GET", server.url).answer().status == 200) }
    // Others in this process may hold a handle now and then.
    #expect(server.connections.load(ordering: .relaxed) < 100)
  }

  @Test func aConnectionThatWasClosedMeanwhileIsReplaced() throws {
    let server = try Scripted(Array(repeating: Self.ok, count: 100), closesUsed: true)
    defer { server.stop() }
    for _ in 0..<100 { #expect(try WebRequest("POST", server.url).answer().status == 200) }
    // Others in this process may hold a handle now and then, so not every one was asked on a used connection.
    #expect(server.heard.withLock { $0.count } > 100)
  }

  @Test func manyAskAtOnce() throws {
    let server = try Scripted(Array(repeating: Self.ok, count: 2_000))
    defer { server.stop() }
    let answered = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 2_000) { _ in
      let answer = try? WebRequest("GET", server.url).answer()
      if answer?.bytes == Array("ok".utf8) { answered.add(1, ordering: .relaxed) }
    }
    #expect(answered.load(ordering: .relaxed) == 2_000)
  }
}
