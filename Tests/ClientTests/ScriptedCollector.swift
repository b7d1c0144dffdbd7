import Foundation
import Synchronization

@testable import Service

/// A collector that keeps what it was sent and answers as it is told.
final class ScriptedCollector: Sendable {
  private final class Script: Sendable {
    let answers: Mutex<[Response]>
    let bodies = Mutex<[[UInt8]]>([])
    let requests = DispatchSemaphore(value: 0)

    let after: Response

    init(_ answers: [Response], after: Response) {
      self.answers = Mutex(answers)
      self.after = after
    }

    func answer(_ body: [UInt8]) -> Response {
      bodies.withLock { $0.append(body) }
      defer { requests.signal() }
      return answers.withLock { $0.isEmpty ? after : $0.removeFirst() }
    }
  }

  private let script: Script
  private let server: Server
  let url: URL

  /// - `answers`: to the first requests.
  /// - `after`: to all others; nil takes them.
  init(_ answers: [Response] = [], after: Response? = nil) throws {
    let script = Script(answers, after: after ?? ScriptedCollector.taken())
    self.script = script
    server = try Server(host: "127.0.0.1", port: 0) { script.answer($0.body) }
    url = URL(string: "http://127.0.0.1:\(server.port)")!
    try server.start()
  }

  static func taken(errors: String = "") -> Response { .json("{\"accepted\":0,\"failed\":0,\"errors\":[\(errors)]}") }

  /// Waits, on this thread, for one more request.
  func waitForRequest() -> Bool { script.requests.wait(timeout: .now() + 120) == .success }

  var bodies: [[UInt8]] { script.bodies.withLock { $0 } }

  /// The ids of each request's events.
  var ids: [[String]] { events.map { $0.map { $0["event_id"] as? String ?? "" } } }

  var events: [[[String: Any]]] {
    bodies.map { body in
      let json = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]
      return json?["events"] as? [[String: Any]] ?? []
    }
  }
}
