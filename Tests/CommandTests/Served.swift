import Foundation
import Requests
import Testing

/// `millrace serve` as a process, on a port of its own choice.
final class Served {
  struct Answer {
    /// 0 when nobody answered.
    var status: Int
    var body: String

    var json: [String: Any] {
      (try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]) ?? [:]
    }
  }

  let process: Process
  private let scratch = Scratch()
  private(set) var url = ""

  /// Returns when it answers.
  ///
  /// - `port`: 0 takes a free one.
  init(_ arguments: [String], port: Int = 0, environment: [String: String] = [:]) {
    process = Program.start(
      ["serve"] + arguments + ["--listen", "127.0.0.1:\(port)"], output: scratch.file("out"),
      errors: scratch.file("err"),
      environment: environment)
    eventually("the server says where it answers") {
      let line = scratch.text("err").split(separator: "\n").first { $0.contains(" on http") }
      url = line.map { "http" + $0.split(separator: " on http").last! } ?? ""
      return !url.isEmpty || !process.isRunning
    }
    #expect(!url.isEmpty, "the server ended: \(errors)")
  }

  deinit { if process.isRunning { end(SIGKILL) } }

  var errors: String { scratch.text("err") }

  func get(_ path: String) -> Answer { Served.ask("GET", url + path) }

  static func ask(_ method: String, _ url: String, body: Data? = nil, headers: [String: String] = [:]) -> Answer {
    var request = WebRequest(method, url)
    request.seconds = 30
    request.body = Array(body ?? Data())
    request.headers = headers.map { ($0.key, $0.value) }
    // Else it is a definition in YAML.
    if body?.first == UInt8(ascii: "{"), headers["Content-Type"] == nil {
      request.headers.append(("Content-Type", "application/json"))
    }
    let answer = try? request.answer()
    return Answer(status: answer?.status ?? 0, body: String(decoding: answer?.bytes ?? [], as: UTF8.self))
  }

  var port: Int { Int(url.split(separator: ":").last ?? "") ?? 0 }

  func waitUntilReady() {
    eventually("/readyz answers 200: \(errors)") { get("/readyz").status == 200 || !process.isRunning }
  }

  /// Returns the exit code, or minus the signal that ended it.
  @discardableResult
  func end(_ signal: Int32) -> Int32 {
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
  }
}
