import Basics
import Foundation
import Runtime
import Service

/// Copies of what is served, to go back to.
enum CheckpointCommand {
  static let syntax = CommandSyntax(
    verb: "checkpoint", positional: ["create|list|restore|drop|export|import", "NAME|DIR", "[DIR]"],
    summary: "Copy a topology's state as it stands, and go back to a copy.",
    options: [
      .value("id", "N", "which checkpoint (default: the newest); 'list' has their numbers"),
      .value("keep", "N", "create: drop older checkpoints than the newest N"),
      .flag("json", "one JSON object on standard output"), ServerWork.option,
    ] + Place.options,
    examples: [
      "millrace checkpoint create web --keep 3 --data /tmp/live", "millrace checkpoint list web --data /tmp/live",
      "millrace checkpoint restore web --id 2 --data /tmp/live",
      "millrace checkpoint export web /backup/web-1 --data /tmp/live",
      "millrace checkpoint import /backup/web-1 --data /tmp/other",
    ])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let action = try arguments.required(0, "create, list, restore, drop, export or import", verb: "checkpoint")
    guard ["create", "list", "restore", "drop", "export", "import"].contains(action) else {
      throw .invalid("checkpoint takes create, list, restore, drop, export or import, not '\(action)'")
    }
    if let server = ServerWork(arguments) { return try ask(server, action, arguments) }
    let place = try Place(arguments)
    if action == "import" {
      return try importing(try arguments.required(1, "DIR", verb: "checkpoint"), place, arguments)
    }
    let data = try place.openData(create: false)
    let name = try data.topology(named: try arguments.required(1, "NAME", verb: "checkpoint"), view: nil)
    let checkpoints = Checkpoints(of: try Generation.load(data, topology: name))
    let id = try arguments.integer("id", in: 1...Int.max)
    switch action {
    case "list": try list(try CheckpointText.list(checkpoints), arguments)
    case "create":
      let made = try checkpoints.create(keep: try arguments.integer("keep", in: 1...10_000))
      try say(CheckpointText.action("made", made, checkpoints), arguments)
    case "restore":
      let found = try checkpoints.find(id)
      try checkpoints.restore(found)
      try say(
        CheckpointText.action("restored", found, checkpoints), arguments, "; the next run or serve reads on from there")
    case "drop":
      guard id != nil else { throw .invalid("which one? --id N ('millrace checkpoint list \(name)')") }
      let found = try checkpoints.find(id)
      try checkpoints.drop(found)
      try say(CheckpointText.action("dropped", found, checkpoints), arguments)
    default:
      let found = try checkpoints.find(id)
      try checkpoints.export(found, to: try arguments.required(2, "DIR", verb: "checkpoint"))
      try say(CheckpointText.action("exported", found, checkpoints), arguments)
    }
    return 0
  }

  /// - Errors: `.invalid` for what would replace the state that answers are read from, with what to do instead.
  private static func ask(_ server: ServerWork, _ action: String, _ arguments: Arguments) throws(Failure) -> Int32 {
    let name = try arguments.required(1, action == "import" ? "DIR" : "NAME", verb: "checkpoint")
    let id = try arguments.integer("id", in: 1...Int.max)
    let path = ServerWork.path(name, "checkpoints")
    switch action {
    case "list": try list(try server.ask("GET", path).text, arguments)
    case "create":
      try say(
        try server.ask(
          "POST", path, ServerWork.items(arguments, values: ["keep"]), seconds: ServerWork.longSeconds
        ).text, arguments)
    case "drop":
      guard let id else { throw .invalid("which one? --id N ('millrace checkpoint list \(name)')") }
      try say(try server.ask("DELETE", "\(path)/\(id)").text, arguments)
    case "export":
      // The server works elsewhere, on this machine.
      let directory = URL(filePath: try arguments.required(2, "DIR", verb: "checkpoint")).path
      try say(
        try server.ask(
          "POST", "\(path)/\(id.map(String.init) ?? "newest")/export", [("directory", directory)],
          seconds: ServerWork.longSeconds
        ).text, arguments)
    case "restore":
      throw .invalid(
        "a server does not go back to a checkpoint: it answers from the state that this would replace. Stop it, 'millrace "
          + "checkpoint restore \(name) --data DIR', and start it again; or rebuild beside what is served: 'millrace replay "
          + "\(name) --server \(server.url)'")
    default:
      throw .invalid(
        "a server takes no checkpoint in, since what is imported is there to be gone back to. Stop it, 'millrace checkpoint import "
          + "\(name) --data DIR', and start it again; or import it into a data directory of its own")
    }
    return 0
  }

  private static func importing(_ source: String, _ place: Place, _ arguments: Arguments) throws(Failure) -> Int32 {
    let data = try place.openData(create: true)
    let (made, generation, isNew) = try Checkpoints.importing(source, into: data)
    try say(
      CheckpointText.action("imported", made, Checkpoints(of: generation)), arguments,
      isNew ? "; it is served" : "; 'millrace checkpoint restore \(generation.topology.name)' goes back to it")
    return 0
  }

  private static func say(_ text: String, _ arguments: Arguments, _ rest: String = "") throws(Failure) {
    let document = try CheckpointDocument(json: text)
    if arguments.has("json") { Console.print(text) } else { document.show(rest) }
  }

  private static func list(_ text: String, _ arguments: Arguments) throws(Failure) {
    let document = try CheckpointsDocument(json: text)
    if arguments.has("json") { Console.print(text) } else { document.show() }
  }
}
