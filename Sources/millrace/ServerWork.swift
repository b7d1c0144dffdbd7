import Basics
import Foundation
import Runtime
import Service

/// The commands about generations, done by a running server: it has the data, so it does the work.
struct ServerWork {
  static let option = CommandSyntax.Option.value("server", "URL", "let a running server do it: http://127.0.0.1:8080")

  /// For answers that take as long as the state is large.
  static let longSeconds = 3_600.0

  let url: String

  /// Nil when no server was named.
  init?(_ arguments: Arguments) {
    guard let url = arguments.text("server") else { return nil }
    self.url = url
  }

  /// The object that a 200, 201 or 202 brings, and its text.
  func ask(
    _ method: String, _ path: String, _ items: [(name: String, value: String)] = [], body: String = "",
    seconds: Double = 60
  ) throws(Failure) -> (object: [String: Any], text: String) {
    let answer = try HTTPClient.ask(method, url, path, items, body: Array(body.utf8), seconds: seconds)
    guard (200...202).contains(answer.status) else {
      throw answer.status < 500 ? .invalid(answer.problem) : .unavailable(answer.problem)
    }
    let text = String(decoding: answer.bytes, as: UTF8.self)
    guard let object = (try? JSONSerialization.jsonObject(with: Data(answer.bytes))) as? [String: Any] else {
      throw .unavailable("\(url)\(path) did not answer with a JSON object")
    }
    return (object, text.hasSuffix("\n") ? String(text.dropLast()) : text)
  }

  static func path(_ topology: String, _ what: String) -> String {
    "/topologies/\(HTTPClient.escaped(topology))/\(what)"
  }

  /// Options of the same name as the parameter, with `-` for `_`.
  static func items(_ arguments: Arguments, values: [String] = [], flags: [String] = []) -> [(
    name: String, value: String
  )] {
    values.compactMap { name in arguments.text(name).map { (name.replacing("-", with: "_"), $0) } }
      + flags.filter(arguments.has).map { ($0.replacing("-", with: "_"), "true") }
  }

  /// The generation of a positional argument, as the parameter of that name.
  static func item(_ name: String, _ arguments: Arguments, _ index: Int) throws(Failure) -> [(
    name: String, value: String
  )] {
    try Promote.number(arguments, index).map { [(name, "\($0)")] } ?? []
  }

  /// Begins to build, and shows how it goes until it is there; the server goes on also when this is interrupted.
  func build(_ arguments: Arguments, _ topology: String, _ what: String, body: String) throws(Failure) -> Int32 {
    let begun = try ask(
      "POST", ServerWork.path(topology, what),
      ServerWork.items(
        arguments, values: ["from", "max-share"], flags: ["promote-when-caught-up", "accept-shorter-history"]),
      body: body)
    let number = begun.object["generation"] as? Int ?? 0
    guard let id = begun.object["replay"] as? String else {
      Console.print(
        arguments.has("json")
          ? begun.text
          : "the file means the same as generation \(number) of '\(topology)', which is served: nothing to build "
            + "('millrace replay \(topology)' rebuilds it all the same)")
      return 0
    }
    if !arguments.has("json") { Console.note("the server builds generation \(number) of '\(topology)'") }
    let last = try watch(id)
    let state = last.replay.state
    if arguments.has("json") { Console.print(last.text) }
    guard state == "caught_up" || state == "live" else {
      throw .unavailable(
        "generation \(number) is \(state.replacing("_", with: " ")): \(last.replay.advice)"
      )
    }
    if !arguments.has("json") {
      let events = Console.grouped(last.replay.events)
      Console.print(
        state == "live"
          ? "generation \(number) of '\(topology)' is served, \(events) events"
          : "generation \(number) of '\(topology)' is caught up, \(events) events; \(last.replay.advice)")
    }
    if arguments.has("promote-when-caught-up"), state != "live" {
      throw .invalid("generation \(number) was not promoted: 'millrace promote \(topology) \(number)' says why")
    }
    return 0
  }

  private func watch(_ id: String) throws(Failure) -> (replay: ReplayDocument, text: String) {
    let progress = Progress(now: monotonicMilliseconds())
    let interrupts = Interrupts {}
    defer { progress.end() }
    while true {
      if interrupts.signalSeen != nil {
        progress.end()
        throw .unavailable(
          "interrupted; the server goes on: 'millrace status --server \(url)' says how far it is, 'millrace replay pause \(id) "
            + "--server \(url)' stops it")
      }
      let text = try ask("GET", "/replays/\(id)").text
      let replay = try ReplayDocument(json: text)
      switch replay.state {
      case "building": break
      // Until it is served, or that has been refused.
      case "caught_up" where replay.isToBeServed: break
      default: return (replay, text)
      }
      progress.show(monotonicMilliseconds()) { replay.progress }
      Thread.sleep(forTimeInterval: 0.25)
    }
  }

  /// Pauses, resumes or cancels what is being built.
  ///
  /// - `name`: of a replay (`web-3`), or of a topology, whose newest replay is meant.
  func change(_ action: String, _ name: String, _ arguments: Arguments) throws(Failure) -> Int32 {
    let all = try ReplaysDocument(json: try ask("GET", "/replays").text).replays
    // One that was cancelled is not among them, and answers by its own id.
    let id = all.last { $0.id == name }?.id ?? all.last { $0.topology == name }?.id ?? name
    let text = try ask("POST", "/replays/\(HTTPClient.escaped(id))/\(action)", seconds: ServerWork.longSeconds).text
    let replay = try ReplayDocument(json: text)
    Console.print(
      arguments.has("json")
        ? text
        : "generation \(replay.generation) of '\(replay.topology)' is \(replay.state.replacing("_", with: " "))\n"
          + "\(replay.progress)\n\(replay.advice)")
    return 0
  }

  /// The server rebuilds in the background; interrupted, it goes on, and its log says what came of it.
  func verify(_ arguments: Arguments) throws(Failure) -> String {
    let topology = try arguments.required(0, "NAME", verb: "verify")
    guard arguments.text("threads") == nil, arguments.text("memory") == nil else {
      throw .invalid(
        "--threads and --memory are for work without --server: the server verifies with its own, at low priority")
    }
    let begun = try ask(
      "POST", ServerWork.path(topology, "verifications"), ServerWork.items(arguments, values: ["from", "to"]))
    let id = begun.object["verification"] as? Int ?? 0
    let progress = Progress(now: monotonicMilliseconds())
    let interrupts = Interrupts {}
    defer { progress.end() }
    while true {
      guard interrupts.signalSeen == nil else {
        progress.end()
        throw .unavailable("interrupted; the server goes on: GET \(ServerWork.path(topology, "verifications/\(id)"))")
      }
      let now = try ask("GET", ServerWork.path(topology, "verifications/\(id)"))
      switch now.object["state"] as? String {
      case "waiting": progress.show(monotonicMilliseconds()) { "waits until another topology is verified" }
      case "running":
        let done = now.object["events"] as? Int ?? 0
        progress.update(
          now: monotonicMilliseconds(), done: Int64(done), total: (now.object["events_total"] as? Int).map(Int64.init),
          count: Int64(done), noun: "events")
      case "failed": throw .unavailable(now.object["message"] as? String ?? "it failed")
      default: return try ServerWork.result(in: now.text)
      }
      Thread.sleep(forTimeInterval: 0.25)
    }
  }

  /// The member `result`, which is the last one, as the server wrote it.
  private static func result(in text: String) throws(Failure) -> String {
    guard let range = text.range(of: "\"result\":") else { throw .unavailable("the server's answer has no result") }
    return String(text[range.upperBound...].dropLast())
  }

  func promoted(_ arguments: Arguments, _ answer: (object: [String: Any], text: String), _ topology: String) {
    guard !arguments.has("json") else { return Console.print(answer.text) }
    let number = answer.object["generation"] as? Int ?? 0
    guard let replaced = answer.object["replaced"] as? Int else {
      return Console.print("generation \(number) of '\(topology)' is served already")
    }
    Console.print("generation \(number) of '\(topology)' is served; generation \(replaced) was before")
    for dropped in answer.object["dropped"] as? [Int] ?? [] {
      Console.print("generation \(dropped) was removed: more are not kept")
    }
  }
}
