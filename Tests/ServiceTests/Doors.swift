import Basics
import Compressed
import Dispatch
import Foundation
import Seeded
import Synchronization
import Testing

@testable import Collector
@testable import Service

/// Goal: events go in and answers out only to whom they may, at every limit with the right status, and no sender can make the
/// server stumble. Method: a real server, log and key file; requests byte by byte.
@Suite struct Doors {
  private let one = Collected.batch([Collected.event("1")])

  @Test func withoutKeysEverybodyMayDoEverything() throws {
    let here = try Collected()
    let credentials = ["Authorization: Bearer nobody"]
    #expect(here.post("/events/batch", one, credentials).status == 200)
    #expect(here.ask("GET", "/topologies", credentials).status == 200)
    #expect(here.ask("GET", "/events").status == 405 && here.ask("GET", "/events").header("Allow") == "POST")
    #expect(here.ask("POST", "/topologies/no/verify", credentials, body: []).status == 404)
  }

  @Test func eachRoleMayDoItsOwn() throws {
    let here = try Collected(peerKey: "among us")
    // A running server takes the first key, and from then on asks for one.
    let keys = try [("write", here.key(.write)), ("read", here.key(.read)), ("admin", here.key(.admin))]
    for (role, key) in keys + [("nobody", "mr_write_1_2"), ("none", "")] {
      let known = ["write", "read", "admin"].contains(role)
      func status(_ allowed: [String], _ answer: Collected.Answer, _ what: String) {
        let isRefused = [401, 403].contains(answer.status)
        let expected = allowed.contains(role) ? !isRefused && answer.status > 0 : answer.status == (known ? 403 : 401)
        #expect(expected, "\(role): \(what): \(answer.head)")
        #expect(answer.status != 401 || answer.header("WWW-Authenticate") != nil)
        #expect(key.isEmpty || !(answer.head + answer.body).contains(key), "keys are never repeated")
      }
      let bearer = key.isEmpty ? [] : ["Authorization: Bearer \(key)"]
      let basic = key.isEmpty ? [] : ["Authorization: Basic \(Data("\(key):".utf8).base64EncodedString())"]
      for headers in [bearer, basic] {
        status(["write", "admin"], here.post("/events/batch", one, headers), "collect")
        status(["write", "admin"], here.post("/v1/batch", #"{"batch":[]}"#, headers), "Segment")
        status(["read", "admin"], here.ask("GET", "/topologies", headers), "read")
        status(["read", "admin"], here.ask("GET", "/metrics", headers), "metrics")
        status(["read", "admin"], here.ask("GET", "/dashboards", headers), "look at dashboards")
        status(["read", "admin"], here.ask("HEAD", "/live?metric=events", headers), "follow")
        status(["admin"], here.ask("POST", "/dashboards", headers, body: []), "save a dashboard")
        status(["admin"], here.ask("DELETE", "/dashboards/no", headers), "delete a dashboard")
        status(["read", "admin"], here.ask("POST", "/funnels", headers, body: []), "ask for a funnel")
        status(["admin"], here.ask("POST", "/topologies/no/verify", headers, body: []), "operate")
        status(["read", "admin"], here.post("/query", "{}", headers), "a question that is sent")
        status(["admin"], here.post("/peers/d/query", "{}", headers), "peers")
        #expect(here.ask("GET", "/healthz", headers).status == 200 && here.ask("GET", "/readyz", headers).status == 200)
      }
      status(["write", "admin"], here.post("/events/batch?write_key=\(key)", one), "by the target")
      status(["write", "admin"], here.post("/v1/track", #"{"userId":"u","writeKey":"\#(key)"}"#), "in the body")
    }
    #expect(here.post("/peers/d/query", "{}", ["Authorization: Bearer among us"]).status == 409)
    #expect(here.ask("GET", "/topologies", ["Authorization: Bearer among us"]).status == 401)
  }

  /// Google's protocol says nothing when all is well.
  @Test func whatHasNothingToSayIsA204() throws {
    let here = try Collected()
    let taken = here.post("/mp/collect?api_secret=x&measurement_id=G-1", #"{"client_id":"c","events":[{"name":"a"}]}"#)
    #expect(taken.status == 204 && taken.body.isEmpty, "\(taken.head)")
    #expect(here.collector.counts.taken == 1)
  }

  @Test func revokedKeysOpenNothing() throws {
    let here = try Collected()
    let key = try here.key(.write)
    let headers = ["Authorization: Bearer \(key)"]
    #expect(here.post("/events/batch", one, headers).status == 200)
    let text = try String(contentsOfFile: here.keys.path, encoding: .utf8)
    #expect(!text.contains(key) && !text.contains(key.split(separator: "_").last!), "only its hash is kept")
    let attributes = try FileManager.default.attributesOfItem(atPath: here.keys.path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    _ = try here.keys.revoke(try #require(try here.keys.read()?.first).id)
    #expect(here.post("/events/batch", one, headers).status == 401)
    #expect(here.post("/events/batch", one).status == 401, "a door that was shut stays shut")
    try FileManager.default.removeItem(atPath: here.keys.path)
    #expect(here.post("/events/batch", one).status == 401)
    try Data("nonsense".utf8).write(to: URL(filePath: here.keys.path))
    #expect(throws: Failure.self) { try KeyRing(here.keys, peerKey: nil) }
  }

  @Test func aKeyCollectsAsMuchAsItMay() throws {
    let here = try Collected()
    let headers = ["Authorization: Bearer \(try here.key(.write, rate: 10))"]
    let batch = Collected.batch((0..<100).map { Collected.event("\($0)") })
    // Two seconds' worth, and a whole batch begun with it: then so long as those take.
    #expect(here.post("/events/batch", batch, headers).status == 200)
    let refused = here.post("/events/batch", batch, headers)
    #expect(refused.status == 429 && (1...8).contains(Int(refused.header("Retry-After") ?? "") ?? 0), "\(refused.head)")
    #expect(here.post("/events/batch", one, ["Authorization: Bearer \(try here.key(.write))"]).status == 200)
  }

  @Test func pagesOfAllowedOriginsMayReadAndCollect() throws {
    let here = try Collected { _, door, _ in door.origins = ["https://shop.example"] }
    let (friend, stranger) = ("Origin: https://shop.example", "Origin: https://evil.example")
    let ask = "Access-Control-Request-Method: POST"
    let preflight = here.ask("OPTIONS", "/events/batch", [friend, ask])
    #expect(preflight.status == 204 && preflight.header("Access-Control-Allow-Origin") == "https://shop.example")
    #expect(preflight.header("Access-Control-Allow-Headers")?.contains("Authorization") == true)
    #expect(here.ask("OPTIONS", "/events/batch", [stranger, ask]).status == 403)
    #expect(here.ask("OPTIONS", "/topologies/web/verify", [friend, ask]).status == 403)
    let taken = here.post("/events/batch", one, [friend])
    #expect(taken.status == 200 && taken.header("Access-Control-Allow-Origin") == "https://shop.example")
    #expect(taken.header("Vary") == "Origin")
    let refused = here.post("/events/batch", "x", [friend])
    #expect(refused.status == 400 && refused.header("Access-Control-Allow-Origin") != nil)
    let foreign = here.post("/events/batch", one, [stranger])
    #expect(foreign.status == 403 && foreign.header("Access-Control-Allow-Origin") == nil)
    #expect(here.ask("GET", "/topologies", [friend]).header("Access-Control-Allow-Origin") != nil)
    #expect(here.ask("GET", "/topologies", [stranger]).header("Access-Control-Allow-Origin") == nil)
    #expect(here.ask("POST", "/topologies/web/verify", [friend], body: []).status == 403)
  }

  /// The sender has sent all before it reads, as most do.
  @Test func limitsAreExact() throws {
    let here = try Collected { collecting, _, _ in collecting.inflatedBytes = 600_000 }
    func padded(_ count: Int) -> [UInt8] { Array(one.utf8) + [UInt8](repeating: 32, count: count - one.utf8.count) }
    for (bytes, status) in [(524_287, 200), (524_288, 200), (524_289, 413), (2_000_000, 413)] {
      #expect(here.ask("POST", "/events/batch", body: padded(bytes)).status == status, "\(bytes)")
      let chunked = "POST /events/batch HTTP/1.1\r\nHost: t\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
      let chunk = "\(String(bytes, radix: 16))\r\n"
      #expect(
        here.send(Array((chunked + chunk).utf8) + padded(bytes) + Array("\r\n0\r\n\r\n".utf8)).status == status,
        "\(bytes) in a chunk")
    }
    for (bytes, status) in [(599_999, 200), (600_000, 200), (600_001, 413), (200 << 20, 413)] {
      for (name, packed) in [("gzip", gzip(padded(bytes))), ("zstd", zstd(padded(bytes)))] {
        guard packed.count <= 524_288 else { continue }
        #expect(
          here.ask("POST", "/events/batch", ["Content-Encoding: \(name)"], body: packed).status == status,
          "\(name) of \(bytes)")
      }
    }
    #expect(here.post("/events/batch", one, ["Content-Encoding: br"]).status == 415)
    #expect(here.post("/events/batch", one, ["Content-Type: text/html"]).status == 415)
    #expect(here.ask("POST", "/events/batch", ["Expect: 100-continue", "Content-Length: 600000"]).status == 413)
    #expect(here.ask("POST", "/events/batch", ["Content-Length: 99999999999"]).status == 413)
    #expect(here.isSettled)
  }

  @Test func whoCannotBeTakenIsToldToComeBack() throws {
    let here = try Collected { collecting, _, _ in collecting.inFlightBytes = 1 << 20 }
    let room = try #require(here.collector.admit(bytes: 500_000))
    let more = try #require(here.collector.admit(bytes: 500_000))
    let body = Collected.batch((0..<500).map { Collected.event("\($0)", more: #","properties":{"a":"x"}"#) })
    let refused = here.post("/events/batch", body)
    #expect(refused.status == 429 && refused.header("Retry-After") == "1", "\(refused.head)")
    #expect(here.ask("GET", "/topologies").status == 200)
    withExtendedLifetime((room, more)) {}
    let after = here.post("/events/batch", one)
    #expect(after.status == 200)
  }

  @Test func aFullDiskRefusesEventsAndNotQueries() throws {
    let here = try Collected()
    here.test.node.embedded!.setReserve(bytes: .max)
    let refused = here.post("/events/batch", one)
    #expect(refused.status == 503 && refused.header("Retry-After") != nil && refused.body.contains("nearly full"))
    #expect(here.ask("GET", "/query?metric=events&granularity=day").status == 200)
    here.test.node.embedded!.setReserve(bytes: 0)
    #expect(here.post("/events/batch", one).status == 200)
  }

  @Test func oneAddressHasSoManyConnections() throws {
    let here = try Collected { _, _, server in server.connectionsPerAddress = 3 }
    let held = try (0..<3).map { _ in
      let client = try #require(RawClient(port: here.server.port))
      client.send("GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n")
      var answer = ""
      #expect(client.read(into: &answer, until: "alive") && answer.hasPrefix("HTTP/1.1 200 "))
      return client
    }
    #expect(here.ask("GET", "/healthz").status == 0)
    withExtendedLifetime(held) {}
  }

  /// Requests that come before the answers to those before them.
  @Test func pipelinedRequestsAreAnsweredInOrder() throws {
    let here = try Collected()
    var text = ""
    for number in 0..<20 {
      let body = number % 3 == 2 ? "x" : Collected.batch((0..<number).map { Collected.event("\(number).\($0)") })
      let end = number == 19 ? "Connection: close\r\n" : ""
      text += "POST /events/batch HTTP/1.1\r\nHost: t\r\n\(end)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }
    let client = try #require(RawClient(port: here.server.port))
    client.send(text)
    let answer = try #require(client.readToEnd())
    let found = answer.matches(of: /"accepted":([0-9]+)|"status":400/).map { $0.1.map(String.init) ?? "x" }
    #expect(found == (0..<20).map { $0 % 3 == 2 ? "x" : "\($0)" })
  }

  @Test func slowSendersAreGivenUp() throws {
    let here = try Collected { _, _, server in server.requestMilliseconds = 200 }
    let client = try #require(RawClient(port: here.server.port))
    client.send("POST /events/batch HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\n")
    var sent = 0
    while sent < 1_000, client.send(" ") {
      sent += 1
      usleep(20_000)
    }
    #expect(client.readToEnd() == "" || sent < 1_000)
    #expect(here.isSettled)
  }

  @Test func headsThatNeverEndAreGivenUp() throws {
    let here = try Collected { _, _, server in server.requestMilliseconds = 300 }
    let client = try #require(RawClient(port: here.server.port))
    client.send("GET /healthz HTTP/1.1\r\nHost: t\r\n\r\nGET /healthz HTTP/1.1\r\nX-Slow: ")
    var sent = 0
    while sent < 2_000, client.send("x") {
      sent += 1
      usleep(20_000)
    }
    #expect(sent < 2_000)
  }

  /// Whatever comes, there is an answer of a status that fits or the connection is closed, and then a good request is taken.
  @Test(arguments: 0..<4) func mutatedRequestsAreHarmless(seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed) + 100)
    let here = try Collected { _, _, server in server.idleSeconds = 1 }
    let packed = gzip(Array(one.utf8))
    let bodies: [(String, [String], [UInt8])] = [
      ("/events/batch", [], Array(one.utf8)), ("/events", [], Array(Collected.event("1").utf8)),
      ("/v1/batch", ["Authorization: Basic a2V5Og=="], Array(#"{"batch":[{"type":"track","userId":"u"}]}"#.utf8)),
      ("/events/batch", ["Content-Encoding: gzip"], packed),
      ("/events/batch", ["Content-Encoding: zstd"], zstd(Array(one.utf8))),
    ]
    let wrong = Mutex<[String]>([])
    var requests: [[UInt8]] = []
    for _ in 0..<60 {
      var (path, headers, body) = bodies[random.below(bodies.count)]
      for _ in 0..<random.below(4) where !body.isEmpty { body[random.below(body.count)] = UInt8(random.below(256)) }
      let length = random.chance(80) ? body.count : max(0, body.count + random.below(21) - 10)
      let isChunked = random.chance(20)
      if random.chance(5) { path += String(repeating: "/x", count: random.below(100)) }
      headers += isChunked ? ["Transfer-Encoding: chunked"] : ["Content-Length: \(length)"]
      var request = Array(
        (["POST \(path) HTTP/1.1", "Host: t", "Connection: close"] + headers).joined(separator: "\r\n").utf8)
      request += Array("\r\n\r\n".utf8)
      if isChunked {
        let said = random.chance(70) ? body.count : random.below(1_000)
        request += Array("\(String(said, radix: 16))\r\n".utf8) + body + Array("\r\n0\r\n\r\n".utf8)
      } else {
        request += body
      }
      if random.chance(10) { request[random.below(request.count)] = UInt8(random.below(256)) }
      requests.append(request)
    }
    DispatchQueue.concurrentPerform(iterations: requests.count) { [requests, port = here.server.port] number in
      let status = Collected.send(requests[number], to: port).status
      if ![0, 200, 400, 404, 405, 408, 411, 413, 414, 415, 431, 501, 505].contains(status) {
        wrong.withLock { $0.append("\(status): \(String(decoding: requests[number], as: UTF8.self))") }
      }
    }
    #expect(wrong.withLock { $0 } == [])
    #expect(here.post("/events/batch", one).status == 200)
    #expect(here.isSettled)
  }
}
