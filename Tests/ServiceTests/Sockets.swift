import Basics
import Dispatch
import Glibc
import Synchronization
import Testing

@testable import Service

/// Goal: what the API answers reaches a client whole, and no client can make the server stumble. Method: real sockets on a free
/// port of this machine.
@Suite struct Sockets {
  @Test func theAPIAnswersOverASocket() throws {
    let test = try TestNode()
    let server = try Server(host: "127.0.0.1", port: 0, respond: test.api.respond)
    try server.start()
    defer { server.stop() }
    let target = "/query?metric=events&granularity=day&where=geo.country%20%3D%20%27DE%27&group_by=geo.country"
    let (head, body) = try #require(RawClient.ask(server.port, "GET", target))
    #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(head.contains("Content-Type: application/json"))
    #expect(
      body.hasPrefix(#"{"data":[{"timestamp":"2026-03-01T00:00:00Z","value":3,"dimensions":{"geo.country":"DE"}}],"#))
    for (target, status) in [("/metrics", 200), ("/", 200), ("/nothing", 404), ("/query?metric=x", 400)] {
      let (head, body) = try #require(RawClient.ask(server.port, "GET", target))
      #expect(head.hasPrefix("HTTP/1.1 \(status) "))
      #expect(head.contains("Content-Length: \(body.utf8.count)"))
    }
  }

  @Test func headHasTheHeadersAndNoBody() throws {
    let server = try echo()
    defer { server.stop() }
    let (head, body) = try #require(RawClient.ask(server.port, "HEAD", "/a?b=c"))
    #expect(head.contains("Content-Length: 18"), "\(head)")
    #expect(body.isEmpty)
    #expect(try #require(RawClient.ask(server.port, "GET", "/a?b=c")).body == "GET /a b=c; body ")
  }

  @Test func wrongMethodsAndPathsAreProblems() throws {
    let test = try TestNode()
    let server = try Server(host: "127.0.0.1", port: 0, respond: test.api.respond)
    try server.start()
    defer { server.stop() }
    for (method, target, status) in [("DELETE", "/query", 405), ("BREW", "/metrics", 405), ("GET", "/nothing", 404)] {
      let (head, body) = try #require(RawClient.ask(server.port, method, target))
      #expect(head.hasPrefix("HTTP/1.1 \(status) "))
      #expect(head.contains("Content-Type: application/problem+json"))
      #expect(head.contains("Allow: GET, HEAD") == (status == 405))
      #expect(body.contains("\"status\":\(status)"))
    }
  }

  @Test func pagesOfOtherOriginsMayOnlyLook() throws {
    let server = try echo()
    defer { server.stop() }
    for (method, origin, status) in [
      ("POST", "http://elsewhere.example", 403), ("POST", "null", 403), ("DELETE", "https://t", 403),
      ("POST", "http://t", 200), ("GET", "http://elsewhere.example", 200),
    ] {
      let client = try #require(RawClient(port: server.port))
      client.send(
        "\(method) /a HTTP/1.1\r\nHost: t\r\nOrigin: \(origin)\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
      #expect(client.readToEnd()?.hasPrefix("HTTP/1.1 \(status) ") == true, "\(method) from \(origin)")
    }
  }

  @Test func itemsAndBodiesArriveDecoded() throws {
    let server = try echo()
    defer { server.stop() }
    let client = try #require(RawClient(port: server.port))
    client.send(
      "PUT /a%2Fb?x=1%262+3&flag&z=%C3%A4%00%FF HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhe"
    )
    client.send("llo")
    let text = try #require(client.readToEnd())
    #expect(text.hasSuffix("PUT /a/b x=1&2 3 flag= z=ä\0\u{FFFD}; body hello"), "\(text)")
  }

  @Test func whoeverHasGoneIsNoticedWhileAnAnswerIsMade() throws {
    let asked = DispatchSemaphore(value: 0)
    let gone = DispatchSemaphore(value: 0)
    let wasThere = Mutex(false)
    let server = try Server(host: "127.0.0.1", port: 0) { request in
      wasThere.withLock { $0 = !request.isGone() }
      asked.signal()
      while !request.isGone() { usleep(1_000) }
      gone.signal()
      return Response(200, "text/plain", "for nobody")
    }
    try server.start()
    defer { server.stop() }
    var client = RawClient(port: server.port)
    #expect(client?.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n") == true)
    #expect(asked.wait(timeout: .now() + 20) == .success)
    client = nil
    #expect(gone.wait(timeout: .now() + 20) == .success)
    #expect(wasThere.withLock { $0 })
  }

  @Test func largeAnswersArriveWhole() throws {
    let text = String(repeating: "0123456789abcdef", count: 1 << 18)
    let server = try Server(host: "127.0.0.1", port: 0) { _ in Response(200, "text/plain", text) }
    try server.start()
    defer { server.stop() }
    #expect(try #require(RawClient.ask(server.port, "GET", "/")).body == text)
  }

  @Test func manyClientsAtOnce() throws {
    let server = try echo()
    defer { server.stop() }
    let wrong = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: 200) { number in
      if RawClient.ask(server.port, "GET", "/\(number)?n=\(number)")?.body != "GET /\(number) n=\(number); body " {
        wrong.withLock { $0 += 1 }
      }
    }
    #expect(wrong.withLock { $0 } == 0)
  }

  @Test func badRequestsAreRefusedAndHarmless() throws {
    // What is neither a request nor none is only ended by silence.
    let server = try echo(idleSeconds: 1)
    defer { server.stop() }
    let long = String(repeating: "x", count: 200_000)
    let chunks = String(repeating: "10000\r\n\(String(repeating: "x", count: 65_536))\r\n", count: 40)
    let requests: [(text: String, status: String)] = [
      ("\0\u{1}\u{16}garbage\r\n\r\n", ""),
      ("GET\r\n\r\n", ""),
      ("GET /\(long) HTTP/1.1\r\nHost: t\r\n\r\n", "414"),
      ("GET / HTTP/1.1\r\nHost: t\r\nX-Long: \(long)\r\n\r\n", "431"),
      ("GET / HTTP/1.1\r\n\r\n", "400"),
      ("PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n", "400"),
      // Sent to the end, then answered; what would be endless is answered at once.
      (
        "PUT / HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 2000000\r\n\r\n\(String(repeating: "x", count: 2_000_000))",
        "413"
      ),
      ("PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 2000000000\r\n\r\n", "413"),
      ("PUT / HTTP/1.1\r\nHost: t\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n", "413"),
    ]
    for (text, status) in requests {
      let client = try #require(RawClient(port: server.port))
      client.send(text)
      let answer = try #require(client.readToEnd(), "\(text.prefix(80))")
      #expect(
        status.isEmpty ? !answer.contains(" 200 ") : answer.hasPrefix("HTTP/1.1 \(status) "),
        "\(text.prefix(80)) \(answer.prefix(80))")
    }
    #expect(try #require(RawClient.ask(server.port, "GET", "/fine")).body == "GET /fine; body ")
  }

  @Test func slowAnswersHoldUpOnlyTheirOwnKind() throws {
    let release = DispatchSemaphore(value: 0)
    var options = Server.Options()
    options.threads = 1
    options.lane = { $0 == "/alive" ? nil : $0 == "/peers" ? .peers : .answers }
    let server = try Server(host: "127.0.0.1", port: 0, options: options) { request in
      if request.path == "/slow" { release.wait() }
      return Response(200, "text/plain", request.path)
    }
    try server.start()
    defer { server.stop() }
    let slow = try (0..<5).map { _ in
      let client = try #require(RawClient(port: server.port))
      client.send("GET /slow HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
      return client
    }
    for path in ["/alive", "/peers", "/alive"] {
      #expect(try #require(RawClient.ask(server.port, "GET", path)).body == path)
    }
    for _ in slow { release.signal() }
    for client in slow { #expect(client.readToEnd()?.hasSuffix("/slow") == true) }
  }

  @Test func stoppingClosesConnectionsAndWaitsForAnswers() throws {
    let entered = DispatchSemaphore(value: 0)
    let release = DispatchSemaphore(value: 0)
    let answered = Mutex(false)
    let server = try Server(host: "127.0.0.1", port: 0) { _ in
      entered.signal()
      release.wait()
      answered.withLock { $0 = true }
      return Response(200, "text/plain", "done")
    }
    try server.start()
    let idle = try #require(RawClient(port: server.port))
    let half = try #require(RawClient(port: server.port))
    half.send("GET / HTTP/1.1\r\nHos")
    let busy = try #require(RawClient(port: server.port))
    busy.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n")
    entered.wait()
    DispatchQueue.global().async {
      release.signal()
    }
    server.stop()
    #expect(answered.withLock { $0 })
    #expect(idle.readToEnd() == "")
    #expect(half.readToEnd() != nil)
    #expect(busy.readToEnd() != nil)
    #expect(RawClient(port: server.port) == nil)
    server.stop()
  }

  @Test func addressesAreThoseOfThisMachineAlone() throws {
    let first = try Server(host: "127.0.0.1", port: 0) { _ in Response(200, "text/plain", "") }
    #expect(
      throws: Failure.unavailable(
        "127.0.0.1:\(first.port) is in use by another process: stop it, or listen on another port")
    ) { try Server(host: "127.0.0.1", port: first.port) { _ in Response(200, "text/plain", "") } }
    #expect(
      throws: Failure.invalid(
        "listen: '0.0.0.0' can be reached from other machines; without API keys only 127.0.0.1 or ::1 may be used: "
          + "make some with 'millrace keys create', or say --insecure")
    ) { try Server(host: "0.0.0.0", port: 0) { _ in Response(200, "text/plain", "") } }
    #expect(throws: Failure.self) {
      try Server(host: "no.such.host.invalid", port: 0) { _ in Response(200, "text/plain", "") }
    }
    // Never started, and its port is free again.
    first.stop()
    #expect(throws: Never.self) {
      try Server(host: "localhost", port: first.port) { _ in Response(200, "text/plain", "") }
    }
  }

  @Test func overIPv6AndOnOneThread() throws {
    var options = Server.Options()
    options.threads = 1
    let server = try Server(host: "::1", port: 0, options: options) { _ in Response(200, "text/plain", "six") }
    try server.start()
    defer { server.stop() }
    #expect(try #require(RawClient.ask(server.port, "GET", "/", host: "::1")).body == "six")
  }

  private func echo(idleSeconds: Int = 30) throws -> Server {
    var options = Server.Options()
    options.idleSeconds = idleSeconds
    let server = try Server(host: "127.0.0.1", port: 0, options: options) { request in
      let items = request.query.map { " \($0.name)=\($0.value)" }.joined()
      return Response(
        200, "text/plain",
        "\(request.method) \(request.path)\(items); body \(String(decoding: request.body, as: UTF8.self))")
    }
    try server.start()
    return server
  }
}
