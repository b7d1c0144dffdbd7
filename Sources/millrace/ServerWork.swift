import Basics
import Foundation
import Runtime
import Service

/// The commands about generations, done by a running server: it has the data, so it does the work.
struct ServerWork {
  static let option = CommandSyntax.Option.value("server", "URL", "let a running server do it: http://127.0.0.1:8080")

  let url: String

  /// Nil when no server was named.
  init?(_ arguments: Arguments) {
    guard let url = arguments.text("server") else { return nil }
    self.url = url
  }

  /// The object that a 200 or 202 brings, and its text.
  func ask(
    _ method: String, _ path: String, _ items: [(name: String, value: String)] = [], body: String = "",
    seconds: Double = 60
  ) throws(Failure) -> (object: [String: Any], text: String) {
    let answer = try HTTPClient.ask(method, url, path, items, body: Array(body.utf8), seconds: seconds)
    guard answer.status == 200 || answer.status == 202 else {
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
    let last = try watch(id, untilLive: arguments.has("promote-when-caught-up"))
    let state = last.object["state"] as? String ?? ""
    if arguments.has("json") { Console.print(last.text) }
    guard state == "caught_up" || state == "live" else {
      throw .unavailable(
        "generation \(number) is \(state.replacing("_", with: " ")): \(last.object["message"] as? String ?? "nobody goes on with it")"
      )
    }
    if !arguments.has("json") {
      Console.print(
        "generation \(number) of '\(topology)' is \(state == "live" ? "served" : "caught up; 'millrace promote' serves it")"
      )
    }
    if arguments.has("promote-when-caught-up"), state != "live" {
      throw .invalid("generation \(number) was not promoted: 'millrace promote \(topology) \(number)' says why")
    }
    return 0
  }

  private func watch(_ id: String, untilLive: Bool) throws(Failure) -> (object: [String: Any], text: String) {
    let startedAt = monotonicMilliseconds()
    let progress = Progress(now: startedAt)
    defer { progress.end() }
    var caughtUpAt: Int64?
    while true {
      let now = try ask("GET", "/replays/\(id)")
      switch now.object["state"] as? String {
      case "building": break
      case "caught_up" where untilLive:
        // Promoting follows at once, or has been refused.
        if caughtUpAt == nil { caughtUpAt = monotonicMilliseconds() }
        if monotonicMilliseconds() - caughtUpAt! > 10_000 { return now }
      default: return now
      }
      let events = (now.object["events"] as? Int).map(Int64.init) ?? 0
      progress.update(
        now: monotonicMilliseconds(), done: events, total: (now.object["events_total"] as? Int).map(Int64.init),
        count: events, noun: "events")
      Thread.sleep(forTimeInterval: 0.25)
    }
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
