import Basics
import Runtime
import Settings

/// Rebuilds what is served, by the same definition; in a server, also says how the building of any generation goes on.
enum Replay {
  static let syntax = CommandSyntax(
    verb: "replay", positional: ["NAME|pause|resume|cancel", "[ID|NAME]"],
    summary: "Rebuild a topology by the definition that is served, as its next generation.",
    options: [
      .flag("promote-when-caught-up", "serve it as soon as it is built"), Deploy.fromOption, Deploy.shorterOption,
      Deploy.shareOption, Place.threadsOption, .flag("json", "one JSON object on standard output"), ServerWork.option,
      Place.memoryOption,
    ] + Place.options,
    examples: [
      "millrace replay web --data /tmp/live", "millrace replay web --server http://127.0.0.1:8080",
      "millrace replay pause web --server http://127.0.0.1:8080",
      "millrace replay resume web-3 --server http://127.0.0.1:8080",
    ])

  private static let actions = ["pause", "resume", "cancel"]

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    // With one argument only, it is a topology's name, whatever it says.
    if arguments.positional.count == 2 {
      return try change(arguments.positional[0], arguments.positional[1], arguments)
    }
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

  private static func change(_ action: String, _ name: String, _ arguments: Arguments) throws(Failure) -> Int32 {
    guard actions.contains(action) else {
      throw .invalid(
        "replay takes a topology, or pause, resume or cancel and what is built, not '\(action)'"
          + Suggestion.hint(for: action, among: actions))
    }
    guard let server = ServerWork(arguments) else {
      throw .invalid(
        "\(action) is for --server URL: without a server a replay runs in the foreground, where Ctrl-C pauses it, the same "
          + "command goes on, and 'millrace drop' removes it")
    }
    return try server.change(action, name, arguments)
  }
}
