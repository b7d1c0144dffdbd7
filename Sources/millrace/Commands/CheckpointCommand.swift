import Basics
import Runtime

/// Copies of what is served, to go back to.
enum CheckpointCommand {
  static let syntax = CommandSyntax(
    verb: "checkpoint", positional: ["create|list|restore|drop|export|import", "NAME|DIR", "[DIR]"],
    summary: "Copy a topology's state as it stands, and go back to a copy.",
    options: [
      .value("id", "N", "which checkpoint (default: the newest); 'list' has their numbers"),
      .value("keep", "N", "create: drop older checkpoints than the newest N"),
      .flag("json", "one JSON object on standard output"),
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
    let place = try Place(arguments)
    if action == "import" {
      return try importing(try arguments.required(1, "DIR", verb: "checkpoint"), place, arguments)
    }
    let data = try place.openData(create: false)
    let name = try data.topology(named: try arguments.required(1, "NAME", verb: "checkpoint"), view: nil)
    let checkpoints = Checkpoints(of: try Generation.load(data, topology: name))
    let id = try arguments.integer("id", in: 1...Int.max)
    switch action {
    case "list":
      list(checkpoints, try checkpoints.list(), arguments)
      return 0
    case "create":
      let made = try checkpoints.create(keep: try arguments.integer("keep", in: 1...10_000))
      say("made", made, checkpoints, arguments)
    case "restore":
      let found = try checkpoints.find(id)
      try checkpoints.restore(found)
      say("restored", found, checkpoints, arguments, "; the next run or serve reads on from there")
    case "drop":
      guard id != nil else { throw .invalid("which one? --id N ('millrace checkpoint list \(name)')") }
      let found = try checkpoints.find(id)
      try checkpoints.drop(found)
      say("dropped", found, checkpoints, arguments)
    default:
      let found = try checkpoints.find(id)
      try checkpoints.export(found, to: try arguments.required(2, "DIR", verb: "checkpoint"))
      say("exported", found, checkpoints, arguments)
    }
    return 0
  }

  private static func importing(_ source: String, _ place: Place, _ arguments: Arguments) throws(Failure) -> Int32 {
    let data = try place.openData(create: true)
    let (made, generation, isNew) = try Checkpoints.importing(source, into: data)
    say(
      "imported", made, Checkpoints(of: generation), arguments,
      isNew ? "; it is served" : "; 'millrace checkpoint restore \(generation.topology.name)' goes back to it")
    return 0
  }

  private static func say(
    _ what: String, _ checkpoint: Checkpoints.Checkpoint, _ checkpoints: Checkpoints, _ arguments: Arguments,
    _ rest: String = ""
  ) {
    let generation = checkpoints.generation
    guard arguments.has("json") else {
      Console.print(
        "\(what) checkpoint \(checkpoint.id) of generation \(generation.number) of '\(generation.topology.name)' at offsets "
          + text(checkpoint) + rest)
      return
    }
    var json = JSONText()
    json.object { json in
      json.field("topology", generation.topology.name)
      json.field("generation", generation.number)
      json.field("action", what)
      fields(checkpoint, &json)
    }
    Console.print(json.text)
  }

  private static func list(
    _ checkpoints: Checkpoints, _ all: [Checkpoints.Checkpoint], _ arguments: Arguments
  ) {
    guard arguments.has("json") else {
      Console.table(
        ["checkpoint", "made", "space", "offsets"],
        all.map { checkpoint in
          [
            "\(checkpoint.id)", "\(Timestamp(milliseconds: checkpoint.createdAt))",
            Console.size(checkpoints.bytes(of: checkpoint)), text(checkpoint),
          ]
        }, right: [0, 2])
      return
    }
    var json = JSONText()
    json.object { json in
      json.field("topology", checkpoints.generation.topology.name)
      json.field("generation", checkpoints.generation.number)
      json.key("checkpoints")
      json.array { json in
        for checkpoint in all {
          json.object { json in
            fields(checkpoint, &json)
            json.field("bytes", checkpoints.bytes(of: checkpoint))
          }
        }
      }
    }
    Console.print(json.text)
  }

  private static func fields(_ checkpoint: Checkpoints.Checkpoint, _ json: inout JSONText) {
    json.field("checkpoint", checkpoint.id)
    json.field("created_at", Timestamp(milliseconds: checkpoint.createdAt).description)
    json.key("offsets")
    json.array { json in
      for offset in checkpoint.offsets { if let offset { json.value(offset) } else { json.null() } }
    }
  }

  private static func text(_ checkpoint: Checkpoints.Checkpoint) -> String {
    checkpoint.offsets.map { $0.map { "\($0)" } ?? "-" }.joined(separator: " ")
  }
}
