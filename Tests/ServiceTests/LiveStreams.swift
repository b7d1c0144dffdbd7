import Basics
import Dispatch
import Foundation
import Runtime
import Synchronization
import Testing

@testable import Service

/// Goal: who follows a question has, after every event, the rows that asking again would bring; and streams cost others nothing,
/// however many there are and however slowly they are read. Method: real sockets, a node that goes on reading, and the feed
/// with limits of our own.
@Suite struct LiveStreams {
  private static let target = "/live?metric=events&granularity=hour&buckets=1500&group_by=geo.country"

  private func serve(
    _ test: TestNode, threads: Int = 2, _ change: (inout LiveFeed.Options) -> Void = { _ in }
  ) throws -> (server: Server, api: API) {
    var options = LiveFeed.Options()
    options.pauseMilliseconds = 5
    // What does not come is missed, and not covered up by signs of life.
    options.heartbeatMilliseconds = 3_600_000
    change(&options)
    var api = test.api
    api.feed = LiveFeed(options)
    var serving = Server.Options()
    serving.threads = threads
    let server = try Server(host: "127.0.0.1", port: 0, options: serving, respond: api.respond)
    try server.start()
    return (server, api)
  }

  private func follow(_ server: Server, _ target: String = LiveStreams.target) throws -> (RawClient, String) {
    let client = try #require(RawClient(port: server.port))
    client.send("GET \(target) HTTP/1.1\r\nHost: t\r\n\r\n")
    var text = ""
    #expect(client.read(into: &text, until: "\n\n\r\n"), "\(text)")
    return (client, text)
  }

  /// The data of the last event of that kind.
  private func data(_ text: String, _ kind: String) throws -> [String: Any] {
    let event = try #require(text.components(separatedBy: "event: \(kind)\n").last)
    let line = try #require(event.split(separator: "\n").first { $0.hasPrefix("data: ") })
    return try #require(JSONSerialization.jsonObject(with: Data(line.dropFirst(6).utf8)) as? [String: Any])
  }

  private func rows(_ object: [String: Any], _ name: String = "data") -> [String: Int] {
    var rows: [String: Int] = [:]
    for row in object[name] as? [[String: Any]] ?? [] {
      let country = (row["dimensions"] as? [String: Any])?["geo.country"] as? String ?? "-"
      rows["\(row["timestamp"] as? String ?? "") \(country)"] = row["value"] as? Int ?? -1
    }
    return rows
  }

  @Test func changesArriveAsTheyAreCommitted() throws {
    let test = try TestNode()
    let (server, api) = try serve(test)
    defer {
      server.stop()
      api.stop()
    }
    let (client, first) = try follow(server)
    #expect(first.contains("HTTP/1.1 200 OK") && first.contains("Content-Type: text/event-stream"))
    #expect(first.contains("retry: 2000\n") && first.contains("id: 1.1\nevent: snapshot\n"), "\(first)")
    let snapshot = try data(first, "snapshot")
    #expect(
      rows(snapshot) == [
        "2026-03-01T12:00:00Z DE": 3, "2026-03-01T12:00:00Z FR": 1, "2026-03-01T12:00:00Z -": 1,
        "2026-03-01T13:00:00Z FR": 1,
      ])
    #expect(snapshot["generation"] as? Int == 1 && snapshot["complete_until"] is String)
    #expect(snapshot["freshness_seconds"] is Int)
    // Only what changed.
    try test.append("a3", partition: 1)
    var text = ""
    #expect(client.read(into: &text, until: "\n\n\r\n"))
    let change = try data(text, "change")
    #expect(rows(change) == ["2026-03-01T12:00:00Z -": 2], "\(text)")
    #expect((change["removed"] as? [Any])?.isEmpty == true)
    // Who comes later begins with all of it.
    let (_, later) = try follow(server)
    #expect(rows(try data(later, "snapshot"))["2026-03-01T12:00:00Z -"] == 2)
    // A repeated event changes nothing, and nothing is said of it.
    try test.append("a3", partition: 1)
    try test.append("a4", partition: 1)
    text = ""
    #expect(client.read(into: &text, until: "\n\n\r\n"))
    #expect(rows(try data(text, "change")) == ["2026-03-01T12:00:00Z -": 3], "\(text)")
  }

  @Test func rowsThatGoAreTold() throws {
    let test = try TestNode()
    let reading = try test.node.topologies[0].reading()
    let question = try LiveQuestion([("metric", "events"), ("granularity", "hour"), ("buckets", "1500")])
    var answer = try test.api.answer(question)
    var rows = LiveRows(answer)
    let same = rows.change(to: answer)
    #expect(same == nil)
    let gone = answer.answer.rows.removeFirst()
    let change = rows.change(to: answer)
    let told = try data(try #require(change), "change")
    #expect((told["data"] as? [Any])?.isEmpty == true)
    let removed = try #require(told["removed"] as? [[String: Any]])
    #expect(removed.map { $0["timestamp"] as? String } == [Timestamp(milliseconds: gone.bucket).description])
    // Another generation: everything anew.
    answer.reading = reading
    answer.reading.generation = 2
    let next = rows.change(to: answer)
    let anew = try #require(next)
    #expect(anew.contains("id: 2.3\nevent: generation\n") && anew.contains("id: 2.3\nevent: snapshot\n"), "\(anew)")
    // A bucket that the window has left is not said to be gone.
    answer.answer.rows = []
    answer.start = Timestamp("2030-01-01")!.milliseconds
    let left = rows.change(to: answer)
    #expect(left == nil)
  }

  @Test func anotherGenerationBeginsAnew() throws {
    let test = try TestNode()
    let (server, api) = try serve(test)
    defer {
      server.stop()
      api.stop()
    }
    let (client, _) = try follow(server)
    #expect(test.send("POST", "/topologies/web/replays", [("promote_when_caught_up", "true")]).status == 202)
    var text = ""
    while !text.contains("event: snapshot\n") {
      text = ""
      guard client.read(into: &text, until: "\n\n\r\n") else { break }
    }
    #expect(text.contains("event: generation\n") && text.contains("id: 2."), "\(text)")
    let snapshot = try data(text, "snapshot")
    #expect(snapshot["generation"] as? Int == 2 && rows(snapshot)["2026-03-01T12:00:00Z DE"] == 3, "\(text)")
  }

  @Test func silenceIsBroken() throws {
    let test = try TestNode()
    let (server, api) = try serve(test) { $0.heartbeatMilliseconds = 10 }
    defer {
      server.stop()
      api.stop()
    }
    let (client, _) = try follow(server)
    var text = ""
    #expect(client.read(into: &text, until: "event: fresh\n"))
    #expect(text.contains(": still here\n\n") && text.contains("\"complete_until\""), "\(text)")
  }

  @Test func streamsEndWhenTheServerStops() throws {
    let test = try TestNode()
    let (server, api) = try serve(test)
    let clients = try (0..<5).map { _ in try follow(server).0 }
    server.stop()
    for client in clients { #expect(client.readToEnd() == "0\r\n\r\n") }
    #expect(api.feed.streams == 0)
    api.stop()
    #expect(api.respond(Request("GET", "/live", query: [("metric", "events")])).status == 503)
  }

  @Test func streamsOccupyNoAnswerThread() throws {
    let test = try TestNode()
    let (server, api) = try serve(test, threads: 1) { $0.streams = 30 }
    defer {
      server.stop()
      api.stop()
    }
    let clients = try (0..<30).map { _ in try follow(server).0 }
    let (head, _) = try #require(RawClient.ask(server.port, "GET", "/query?metric=events&granularity=day"))
    #expect(head.hasPrefix("HTTP/1.1 200 "))
    let (full, body) = try #require(RawClient.ask(server.port, "GET", LiveStreams.target))
    #expect(full.hasPrefix("HTTP/1.1 503 ") && full.contains("Retry-After"), "\(full)")
    #expect(body.contains("30 streams are open"))
    #expect(RawClient.ask(server.port, "HEAD", LiveStreams.target)?.head.hasPrefix("HTTP/1.1 200 ") == true)
    withExtendedLifetime(clients) {}
  }

  @Test func whoHasGoneIsForgotten() throws {
    let test = try TestNode()
    let (server, api) = try serve(test) { $0.heartbeatMilliseconds = 10 }
    defer {
      server.stop()
      api.stop()
    }
    do { _ = try (0..<5).map { _ in try follow(server).0 } }
    let deadline = Date(timeIntervalSinceNow: 180)
    while api.feed.streams > 0, Date() < deadline { usleep(5_000) }
    #expect(api.feed.streams == 0)
  }

  @Test func whoDoesNotReadIsDropped() throws {
    let closed = DispatchSemaphore(value: 0)
    let outflow = Outflow(limit: 1 << 20) { closed.signal() }
    var options = Server.Options()
    options.idleSeconds = 1
    let server = try Server(host: "127.0.0.1", port: 0, options: options) { _ in .events(outflow) }
    try server.start()
    defer { server.stop() }
    let client = try #require(RawClient(port: server.port))
    client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n")
    // More than sockets and the outflow hold together.
    for _ in 0..<2_000 { outflow.push([UInt8](repeating: 120, count: 64 << 10)) }
    #expect(closed.wait(timeout: .now() + 60) == .success)
    withExtendedLifetime(client) {}
  }

  @Test func anOutflowIsReadInPartsUpToItsEnd() {
    let closes = Mutex(0)
    let wakes = Mutex(0)
    let outflow = Outflow(limit: 10) { closes.withLock { $0 += 1 } }
    func read(_ count: Int) -> (portion: Outflow.Portion, text: String) {
      var bytes = [UInt8](repeating: 0, count: count)
      let portion = bytes.withUnsafeMutableBytes { buffer in
        outflow.read(into: buffer, wake: { wakes.withLock { $0 += 1 } }, sleep: {})
      }
      guard case .bytes(let count) = portion else { return (portion, "") }
      return (portion, String(decoding: bytes[..<count], as: UTF8.self))
    }
    #expect(read(4).portion == .later)
    outflow.push(Array("abcdef".utf8))
    outflow.push(Array("gh".utf8))
    #expect(wakes.withLock { $0 } == 1)
    #expect(read(4).text == "abcd" && read(3).text == "efg" && read(9).text == "h" && read(9).portion == .later)
    outflow.push(Array("last".utf8))
    outflow.end()
    outflow.push(Array("never".utf8))
    #expect(read(9).text == "last" && read(9).portion == .end)
    outflow.close()
    outflow.close()
    #expect(closes.withLock { $0 } == 1 && wakes.withLock { $0 } == 2)
    let slow = Outflow(limit: 10) {}
    for _ in 0..<3 { slow.push(Array("abcd".utf8)) }
    var bytes = [UInt8](repeating: 0, count: 9)
    #expect(bytes.withUnsafeMutableBytes { slow.read(into: $0, wake: {}, sleep: {}) } == .broken)
  }

  @Test(arguments: [
    ("", "metric is missing"), ("metric=evnts", "did you mean 'events'"),
    ("metric=events&granularity=week", "granularity: "),
    ("metric=events&buckets=0", "buckets: "),
    ("metric=events&start_time=2026-03-01", "there is no parameter 'start_time'"),
    ("metric=events&group_by=nothing", "group_by: "), ("view=checkout&metric=events", "funnel"),
  ])
  func whatCannotBeFollowedIsSaid(_ query: String, _ message: String) throws {
    let test = try TestNode()
    let items = query.split(separator: "&").map { item in
      let parts = item.split(separator: "=").map(String.init)
      return (name: parts[0], value: parts[1])
    }
    let response = test.get("/live", items)
    #expect(response.status == 400 && response.body.contains(message), "\(response.body)")
    #expect(test.api.feed.streams == 0)
  }
}
