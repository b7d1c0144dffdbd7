import Foundation
import FoundationNetworking
import Synchronization
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
    // Else it is a definition in YAML.
    let kind: [String: String] = body?.first == UInt8(ascii: "{") ? ["Content-Type": "application/json"] : [:]
    let headers = kind.merging(headers) { $1 }
    let plain = PlainHTTP.ask(method, url, body: body, headers: headers.map { ($0.key, $0.value) })
    if let plain, plain.status / 100 != 3 || plain.status == 304 { return plain }
    guard let url = URL(string: url) else { return Answer(status: 0, body: "") }
    let done = DispatchSemaphore(value: 0)
    let answer = Mutex(Answer(status: 0, body: ""))
    var request = URLRequest(url: url)
    request.httpMethod = method
    request.httpBody = body
    for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
    request.timeoutInterval = 30
    URLSession.shared.dataTask(with: request) { data, response, _ in
      answer.withLock {
        $0 = Answer(
          status: (response as? HTTPURLResponse)?.statusCode ?? 0, body: String(decoding: data ?? Data(), as: UTF8.self)
        )
      }
      done.signal()
    }.resume()
    done.wait()
    return answer.withLock { $0 }
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
