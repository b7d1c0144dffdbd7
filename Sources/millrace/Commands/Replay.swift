import Basics
import Runtime

/// Rebuilds what is served, by the same definition.
enum Replay {
  static let syntax = CommandSyntax(
    verb: "replay", positional: ["NAME"],
    summary: "Rebuild a topology by the definition that is served, as its next generation.",
    options: [
      .flag("promote-when-caught-up", "serve it as soon as it is built"), Deploy.fromOption, Deploy.shorterOption,
      Deploy.shareOption, Place.threadsOption, .flag("json", "one JSON object on standard output"), ServerWork.option,
      Place.memoryOption,
    ] + Place.options,
    examples: ["millrace replay web --data /tmp/live"])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    if let server = ServerWork(arguments) {
      return try server.build(
        arguments, try arguments.required(0, "NAME", verb: "replay"), "replays", body: "")
    }
    let place = try Place(arguments)
    let data = try place.openData(create: false)
    let generations = try place.generations(
      try arguments.required(0, "NAME", verb: "replay"), in: data)
    let live = try Generation.read(data, topology: generations.topology)
    return try Deploy.build(
      arguments, place, generations, (try live.text(), live.topology), try place.input(of: generations), isReplay: true)
  }
}
