import Basics
import Runtime

/// Removes a generation.
enum Drop {
  static let syntax = CommandSyntax(
    verb: "drop", positional: ["NAME", "N"],
    summary: "Remove a generation that is not served, with its state.",
    options: [.flag("json", "one JSON object on standard output"), ServerWork.option] + Place.options,
    examples: ["millrace drop web 2 --data /tmp/live"])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    if let server = ServerWork(arguments) { return try ask(server, arguments) }
    let place = try Place(arguments)
    let data = try place.openData(create: false)
    let generations = try place.generations(try arguments.required(0, "NAME", verb: "drop"), in: data)
    guard let number = try Promote.number(arguments, 1) else {
      throw .invalid("which generation? 'millrace status' lists them: millrace drop \(generations.topology) N")
    }
    let bytes = try generations.all().first { $0.number == number }?.stateBytes ?? 0
    try generations.drop(number)
    if arguments.has("json") {
      var json = JSONText()
      json.object { json in
        json.field("topology", generations.topology)
        json.field("dropped", number)
        json.field("bytes", bytes)
      }
      Console.print(json.text)
    } else {
      Console.print("generation \(number) of '\(generations.topology)' is gone, \(Console.size(bytes)) are free")
    }
    return 0
  }

  private static func ask(_ server: ServerWork, _ arguments: Arguments) throws(Failure) -> Int32 {
    let topology = try arguments.required(0, "NAME", verb: "drop")
    guard let number = try Promote.number(arguments, 1) else {
      throw .invalid("which generation? 'millrace status --server URL' lists them: millrace drop \(topology) N")
    }
    let answer = try server.ask("DELETE", ServerWork.path(topology, "generations/\(number)"))
    Console.print(
      arguments.has("json")
        ? answer.text
        : "generation \(number) of '\(topology)' is gone, \(Console.size(answer.object["bytes"] as? Int ?? 0)) are free"
    )
    return 0
  }
}
