import Basics
import Runtime

/// Serves again what was served before.
enum Rollback {
  static let syntax = CommandSyntax(
    verb: "rollback", positional: ["NAME"],
    summary: "Serve the generation again that was served before the present one.",
    options: [.flag("json", "one JSON object on standard output"), ServerWork.option] + Place.options,
    examples: ["millrace rollback web --data /tmp/live"])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    if let server = ServerWork(arguments) {
      let topology = try arguments.required(0, "NAME", verb: "rollback")
      server.promoted(arguments, try server.ask("POST", ServerWork.path(topology, "rollback")), topology)
      return 0
    }
    let place = try Place(arguments)
    let data = try place.openData(create: false)
    let generations = try place.generations(try arguments.required(0, "NAME", verb: "rollback"), in: data)
    if let previous = try generations.previous() {
      // What this program cannot read it must not serve.
      _ = try Generation.load(data, topology: generations.topology, number: previous)
    }
    let (from, to) = try generations.rollback()
    if arguments.has("json") {
      var json = JSONText()
      json.object { json in
        json.field("topology", generations.topology)
        json.field("generation", to)
        json.field("replaced", from)
      }
      Console.print(json.text)
    } else {
      Console.print(
        "generation \(to) of '\(generations.topology)' is served again; generation \(from) is kept: 'millrace promote "
          + "\(generations.topology) \(from)' or 'millrace drop \(generations.topology) \(from)'")
    }
    return 0
  }
}
