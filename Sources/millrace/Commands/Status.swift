import Basics
import Dataflow
import Runtime
import Service

/// What a data directory holds, how far it is, and what stopped.
enum Status {
  static let syntax = CommandSyntax(
    verb: "status",
    summary: "Show topologies, their partitions and ledgers, and what stopped.",
    options: [
      .value("topology", "NAME", "only this topology"),
      .flag("json", "one JSON object on standard output"), ServerAnswer.option, Place.memoryOption,
    ] + Place.options,
    examples: ["millrace status --data /tmp/web", "millrace status --server http://127.0.0.1:8080 --json"])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    if let server = ServerWork(arguments) { return try ask(server, arguments) }
    let place = try Place(arguments)
    let data = try place.openData(create: false)
    var names = data.topologies
    if let only = arguments.text("topology") { names = [try data.topology(named: only, view: nil)] }
    var texts: [String] = []
    for name in names { texts.append(try topology(name, in: data, memory: place.memoryBytes)) }
    var json = JSONText()
    json.object { json in
      json.field("data", data.path)
      json.key("topologies")
      json.array { json in for text in texts { json.raw(text) } }
    }
    if arguments.has("json") { Console.print(json.text) } else { try StatusDocument(json: json.text).show() }
    if names.isEmpty, !arguments.has("json") { Console.print("\(data.path) holds no topology yet") }
    return 0
  }

  /// One that this program cannot read is shown with its generations all the same.
  private static func topology(_ name: String, in data: DataDirectory, memory: Int) throws(Failure) -> String {
    let generations = try Generations(data, of: name).all()
    do throws(Failure) {
      return try StatusText.topology(
        try OfflineTopology(data, topology: name, memory: memory), generations: generations)
    } catch {
      var json = JSONText()
      json.object { json in
        json.field("name", name)
        json.field("message", error.message)
        json.key("generations")
        GenerationText.list(generations, &json)
      }
      return json.text
    }
  }

  private static func ask(_ server: ServerWork, _ arguments: Arguments) throws(Failure) -> Int32 {
    let only = arguments.text("topology")
    guard only == nil || !arguments.has("json") else {
      throw .invalid("--json prints all that the server says: leave out --topology")
    }
    let text = try server.ask("GET", "/topologies").text
    guard !arguments.has("json") else {
      Console.print(text)
      return 0
    }
    let status = try StatusDocument(json: text)
    if let only, !status.topologies.contains(where: { $0.name == only }) {
      throw .invalid(
        "the server has no topology '\(only)'; it has \(status.topologies.map(\.name).joined(separator: ", "))")
    }
    status.show(only: only)
    let replays = try ReplaysDocument(json: try server.ask("GET", "/replays").text)
    ReplaysDocument(replays: replays.replays.filter { only == nil || $0.topology == only }).show()
    return 0
  }
}
