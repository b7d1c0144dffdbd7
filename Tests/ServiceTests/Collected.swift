import Basics
import Collector
import Foundation
import Logs

@testable import Service

/// A server that takes events into a log of its own, with a door before it.
final class Collected {
  let test: TestNode
  let collector: Collector
  let keys: KeyFile
  let server: Server

  /// - `change`: what the collector, the door and the server are told.
  init(
    peerKey: String? = nil,
    _ change: (inout Collector.Options, inout Door.Options, inout Server.Options) -> Void = { _, _, _ in }
  ) throws {
    test = try TestNode()
    keys = KeyFile("\(test.directory)/keys.json")
    var (collecting, door, options) = (Collector.Options(), Door.Options(), Server.Options())
    options.lane = API.lane
    change(&collecting, &door, &options)
    collector = Collector(test.node.embedded!, options: collecting)
    let ring = try KeyRing(keys, peerKey: peerKey, lookMilliseconds: 0)
    let api = API(test.node, collector: collector, version: "1")
    options.responses = api.responses
    server = try Server(
      host: "127.0.0.1", port: 0, options: options,
      responder: Door(api, collector: collector, keys: ring, options: door))
    try server.start()
  }

  deinit {
    server.stop()
    collector.stop()
  }

  func key(_ role: APIKey.Role, rate: Int? = nil) throws -> String {
    try keys.create(name: "", role: role, eventsPerSecond: rate, now: 0).text
  }

  /// Whether all room is given back, as soon as the server knows that a connection has ended.
  var isSettled: Bool {
    let deadline = Date(timeIntervalSinceNow: 180)
    while collector.bytesInFlight > 0, Date() < deadline { usleep(5_000) }
    return collector.bytesInFlight == 0
  }

  struct Answer {
    var head: String
    var body: String
    var status: Int { Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0 }

    func header(_ name: String) -> String? {
      head.split(separator: "\r\n").first { $0.lowercased().hasPrefix(name.lowercased() + ": ") }
        .map { String($0.dropFirst(name.count + 2)) }
    }
  }

  /// One request on a connection of its own. Status 0 when there is no answer.
  func ask(_ method: String, _ target: String, _ headers: [String] = [], body: [UInt8]? = nil) -> Answer {
    var lines = ["\(method) \(target) HTTP/1.1", "Host: t", "Connection: close"] + headers
    if let body { lines.append("Content-Length: \(body.count)") }
    return send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + (body ?? []))
  }

  func post(_ target: String, _ body: String, _ headers: [String] = []) -> Answer {
    ask("POST", target, headers, body: Array(body.utf8))
  }

  func send(_ bytes: [UInt8]) -> Answer { Collected.send(bytes, to: server.port) }

  static func send(_ bytes: [UInt8], to port: UInt16) -> Answer {
    guard let client = RawClient(port: port) else { return Answer(head: "", body: "") }
    client.send(bytes)
    guard let text = client.readToEnd(), let gap = text.firstRange(of: "\r\n\r\n") else {
      return Answer(head: "", body: "")
    }
    return Answer(head: String(text[..<gap.lowerBound]), body: String(text[gap.upperBound...]))
  }

  static func event(_ id: String, more: String = "") -> String {
    #"{"event_id":"\#(id)","event_type":"t","user_id":"bob","timestamp":"2026-03-05T12:00:00Z"\#(more)}"#
  }

  static func batch(_ events: [String]) -> String { #"{"events":[\#(events.joined(separator: ","))]}"# }
}
