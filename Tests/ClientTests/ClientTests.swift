import Foundation
import Synchronization
import Testing

@testable import MillraceClient
@testable import Service

/// Goal: what a program tracks reaches the collector with the id it was given, however often it must be sent, and whatever does
/// not is counted and named. Method: a collector on loopback that answers as it is told.
@Suite struct ClientTests {
  private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("client-\(UUID().uuidString)")

  private func options(_ change: (inout ClientOptions) -> Void = { _ in }) -> ClientOptions {
    var options = ClientOptions()
    options.firstRetry = .milliseconds(1)
    options.longestRetry = .milliseconds(5)
    change(&options)
    return options
  }

  /// Where nobody listens.
  private let nobody = URL(string: "http://127.0.0.1:1")!

  @Test func batchesHoldWhatACollectorTakes() async throws {
    let collector = try ScriptedCollector()
    let client = try MillraceClient(collector.url, options: options())
    var ids = (0..<1_200).map { client.track("click", .anonymous("a\($0 % 7)"), ["n": .integer($0)])! }
    // The largest that go: eight or nine of them fill a body.
    let text = JSON.text(String(repeating: "x", count: 59_000))
    ids += (0..<20).map { _ in client.track("long", .known("u"), ["text": text])! }
    try await client.flush(within: .seconds(300))
    #expect(collector.ids.flatMap { $0 } == ids)
    #expect(collector.bodies.allSatisfy { $0.count <= 524_288 })
    #expect(collector.ids.allSatisfy { $0.count <= 500 })
    #expect(client.statistics == ClientStatistics(waiting: 0, taken: 1_220, dropped: 0, lastError: nil))
  }

  @Test func anEventIsWhatWasTracked() async throws {
    let collector = try ScriptedCollector()
    let client = try MillraceClient(collector.url, options: options())
    let date = Date(timeIntervalSince1970: 1_772_355_600.123)
    client.track(
      "purchase", .known("u-42", anonymous: "a-1"), ["amount": 49.9, "items": [1, 2], "gift": true, "note": nil],
      context: Context(session: "s", device: ["type": "mobile"], geo: ["country": "DE"]), at: date, id: "order-7")
    client.page(.anonymous("a-1"), .init(path: "/a/b"), at: date)
    client.identify("u-42", anonymous: "a-1", traits: ["plan": "gold"], at: date)
    try await client.flush(within: .seconds(300))
    let events = collector.events.flatMap { $0 }
    let expected: [[String: Any]] = [
      [
        "event_id": "order-7", "event_type": "purchase", "user_id": "u-42", "anonymous_id": "a-1",
        "timestamp": 1_772_355_600_123, "session_id": "s", "device": ["type": "mobile"], "geo": ["country": "DE"],
        "properties": ["amount": 49.9, "items": [1, 2], "gift": true, "note": NSNull()] as [String: Any],
      ],
      [
        "event_id": events[1]["event_id"] ?? "", "event_type": "page_view", "anonymous_id": "a-1",
        "timestamp": 1_772_355_600_123, "page": ["path": "/a/b"],
      ],
      [
        "event_id": events[2]["event_id"] ?? "", "event_type": "identify", "user_id": "u-42", "anonymous_id": "a-1",
        "timestamp": 1_772_355_600_123, "properties": ["plan": "gold"],
      ],
    ]
    #expect(events as NSArray == expected as NSArray)
  }

  /// Not `async`: nothing here may need the threads that are taken away.
  @Test func itDeliversWhileAllTasksOfTheProgramBlock() throws {
    let collector = try ScriptedCollector([.problem(503, "not now", [])])
    let end = DispatchSemaphore(value: 0)
    let blockers = ProcessInfo.processInfo.activeProcessorCount * 2
    for _ in 0..<blockers { Task.detached { Self.block(until: end) } }
    defer { for _ in 0..<blockers { end.signal() } }
    let client = try MillraceClient(collector.url, options: options { $0.batchEvents = 2 })
    for _ in 0..<2 { client.track("click", .anonymous("a")) }
    #expect(collector.waitForRequest() && collector.waitForRequest())
    #expect(collector.ids.count == 2 && collector.ids[0] == collector.ids[1])
  }

  private static func block(until end: DispatchSemaphore) { end.wait() }

  /// Of a collector that is there: in a busy test run this takes minutes, and Foundation for Linux does not survive thousands of
  /// refused connections (swift-corelibs-foundation issues 4791, 5469).
  @Test func aFlushWithoutTimeEnds() async throws {
    let collector = try ScriptedCollector(after: .problem(503, "not now", []))
    let client = try MillraceClient(collector.url, options: options())
    client.track("click", .anonymous("a"))
    for _ in 0..<1_000 { await #expect(throws: ClientError.self) { try await client.flush(within: .zero) } }
  }

  @Test func whatFailsIsSentAgainWithTheSameIds() async throws {
    let collector = try ScriptedCollector([500, 502, 503, 429].map { .problem($0, "not now", []) })
    let client = try MillraceClient(collector.url, options: options())
    let ids = (0..<10).map { _ in client.track("click", .anonymous("a"))! }
    try await client.flush(within: .seconds(300))
    #expect(collector.ids == Array(repeating: ids, count: 5))
    #expect(client.statistics.taken == 10)
  }

  @Test func flushSaysWhyItCannot() async throws {
    let client = try MillraceClient(nobody, options: options())
    client.track("click", .anonymous("a"))
    let error = await #expect(throws: ClientError.self) { try await client.flush(within: .milliseconds(300)) }
    #expect(error?.description.contains("1 events were not taken within") == true)
    #expect(error?.description.contains("http://127.0.0.1:1/events/batch cannot be reached") == true)
    #expect(client.statistics.waiting == 1)
  }

  @Test func refusedEventsAreNamed() async throws {
    let dropped = Mutex<[DroppedEvent]>([])
    let collector = try ScriptedCollector([
      ScriptedCollector.taken(
        errors: #"{"index":1,"event_id":"b","code":"timestamp","message":"timestamp is no time"}"#),
      .problem(400, "not JSON"),
    ])
    let made = options { $0.onDrop = { event in dropped.withLock { $0.append(event) } } }
    let client = try MillraceClient(collector.url, options: made)
    for id in ["a", "b", "c"] { client.track("click", .anonymous("x"), id: id) }
    try await client.flush(within: .seconds(300))
    client.track("click", .anonymous("x"), id: "d")
    try await client.flush(within: .seconds(300))
    #expect(
      dropped.withLock { $0 } == [
        DroppedEvent(id: "b", reason: "timestamp is no time"),
        DroppedEvent(id: "d", reason: "the collector answered 400: not JSON"),
      ])
    #expect(client.statistics == ClientStatistics(waiting: 0, taken: 2, dropped: 2, lastError: nil))
  }

  @Test func aBodyThatIsTooLargeIsHalved() async throws {
    let collector = try ScriptedCollector(Array(repeating: .problem(413, "too large"), count: 3))
    let client = try MillraceClient(collector.url, options: options())
    let ids = (0..<100).map { _ in client.track("click", .anonymous("a"))! }
    try await client.flush(within: .seconds(300))
    #expect(collector.ids.map(\.count).prefix(4) == [100, 50, 25, 12])
    #expect(collector.ids.dropFirst(3).flatMap { $0 } == ids)
  }

  @Test func unusableEventsAreDroppedAtOnce() throws {
    let reasons = Mutex<[String]>([])
    let made = options {
      $0.queueEvents = 1
      $0.onDrop = { event in reasons.withLock { $0.append(event.reason) } }
    }
    let client = try MillraceClient(nobody, options: made)
    #expect(client.track("", .anonymous("a")) == nil)
    #expect(client.track("click", .known("")) == nil)
    #expect(client.track("click", .known("u"), ["n": .number(.infinity)]) == nil)
    #expect(client.track("click", .known("u"), id: String(repeating: "i", count: 129)) == nil)
    #expect(client.track("click", .known("u"), ["t": .text(String(repeating: "x", count: 70_000))]) == nil)
    #expect(client.track("click", .known("u")) != nil)
    #expect(client.track("click", .known("u")) == nil)
    #expect(
      reasons.withLock { $0 }.map { String($0.prefix(14)) } == [
        "event_type is ", "neither user_i", "a number in it", "event_id is to", "the event has ", "1 events are w",
      ])
    #expect(client.statistics.dropped == 6)
  }

  @Test func theSpoolOutlivesTheProcess() async throws {
    let made = options { $0.spool = directory }
    let first = try MillraceClient(nobody, options: made)
    // Several files of 4 MiB.
    let text = JSON.text(String(repeating: "x", count: 40_000))
    let ids = (0..<300).map { _ in first.track("long", .anonymous("a"), ["text": text])! }
    #expect(throws: ClientError.self) { try MillraceClient(nobody, options: made) }
    await #expect(throws: ClientError.self) { try await first.close(within: .milliseconds(50)) }
    // The machine stopped in the middle of a line.
    let newest = try #require(
      FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0.hasSuffix(".ndjson") }.max())
    let handle = try FileHandle(forWritingTo: directory.appendingPathComponent(newest))
    handle.seekToEndOfFile()
    handle.write(Data("{\"event_id\":\"torn".utf8))
    try handle.close()

    let collector = try ScriptedCollector()
    let second = try MillraceClient(collector.url, options: made)
    #expect(second.statistics.waiting == 300)
    let last = second.track("click", .anonymous("a"))!
    try await second.close()
    #expect(collector.ids.flatMap { $0 } == ids + [last])

    let third = try MillraceClient(collector.url, options: made)
    #expect(third.statistics.waiting == 0)
    try await third.close()
    try FileManager.default.removeItem(at: directory)
  }

  @Test func aSpoolIsBounded() async throws {
    let made = options {
      $0.spool = directory
      $0.spoolBytes = 2_000
    }
    let client = try MillraceClient(nobody, options: made)
    let taken = (0..<100).count { _ in client.track("click", .anonymous("a")) != nil }
    #expect((5..<30).contains(taken) && client.statistics.dropped == 100 - taken)
    await #expect(throws: ClientError.self) { try await client.close(within: .zero) }
    try FileManager.default.removeItem(at: directory)
  }

  @Test func whatAnswersMean() {
    func outcome(_ status: Int, _ body: String = "", _ retryAfter: String? = nil) -> CollectorEndpoint.Outcome {
      CollectorEndpoint.outcome(status, Data(body.utf8), retryAfter: retryAfter)
    }
    #expect(outcome(200) == .taken(refused: [:]))
    #expect(outcome(429, "", "7") == .again("the collector answered 429", after: .seconds(7)))
    #expect(outcome(429, "", "99999999") == .again("the collector answered 429", after: .seconds(3_600)))
    #expect(outcome(503, "", "Thu, 01 Jan 1970 00:00:00 GMT") == .again("the collector answered 503", after: .zero))
    #expect(outcome(503, "", "soon") == .again("the collector answered 503", after: nil))
    #expect(outcome(302) == .again("the collector answered 302", after: nil))
    #expect(outcome(413) == .tooLarge("the collector answered 413"))
    #expect(outcome(415) == .refused("the collector answered 415"))
  }

  @Test func identifiersAreOrderedByTime() {
    let id = EventIdentifier.make(Date(timeIntervalSince1970: 1_772_355_600.123))
    #expect(id.wholeMatch(of: /019ca8a0-3efb-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil, "\(id)")
    #expect(Set((0..<1_000).map { _ in EventIdentifier.make(Date()) }).count == 1_000)
    #expect(EventIdentifier.make(.distantPast).hasPrefix("00000000-0000-7"))
  }
}
