import Basics
import Dataflow
import Runtime
import Service

/// Proves that what is served is what a replay gives.
enum Verify {
  static let syntax = CommandSyntax(
    verb: "verify", positional: ["NAME"],
    summary: "Rebuild what is served from the log and compare every stored cell; 0 equal, 1 different.",
    options: [
      .value("from", "TIME", "compare buckets from here (2026-03-01 or 2026-03-01T12:00:00Z)"),
      .value("to", "TIME", "compare buckets before"),
      Place.threadsOption, .flag("json", "one JSON object on standard output"), ServerWork.option,
      Place.memoryOption,
    ] + Place.options,
    examples: [
      "millrace verify web --data /tmp/live", "millrace verify web --from 2026-03-01 --server http://127.0.0.1:8080",
    ], failureIsTwo: true)

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let text = if let server = ServerWork(arguments) { try server.verify(arguments) } else { try rebuild(arguments) }
    let document = try VerificationDocument(json: text)
    if arguments.has("json") { Console.print(text) } else { document.show() }
    return document.isEqual ? 0 : 1
  }

  private static func rebuild(_ arguments: Arguments) throws(Failure) -> String {
    let place = try Place(arguments)
    let data = try place.openData(create: false)
    let generations = try place.generations(try arguments.required(0, "NAME", verb: "verify"), in: data)
    var comparing = Verification.Options()
    comparing.start = try arguments.time("from")
    comparing.end = try arguments.time("to")
    comparing.byteLimit = max(16 << 20, place.memoryBytes / 8)
    let served = try OfflineTopology(data, topology: generations.topology, memory: place.memoryBytes / 4)
    return VerificationText.result(
      generations.topology,
      try RebuildCheck(of: served).run(
        data, input: try place.input(of: generations), options: try place.runOptions(arguments), comparing: comparing,
        run: Foreground.complete))
  }
}
