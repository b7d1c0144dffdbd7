import Basics
import Dataflow
import Runtime
import Service

/// What is different between two generations.
enum Diff {
  static let syntax = CommandSyntax(
    verb: "diff", positional: ["NAME", "[A]", "[B]"],
    summary: "Compare two generations cell by cell (default: the live one with the newest); 0 equal, 1 different.",
    options: [
      .value("view", "VIEW", "only this view"),
      .value("from", "TIME", "buckets from here (2026-03-01 or 2026-03-01T12:00:00Z)"),
      .value("to", "TIME", "buckets before"),
      .value("limit", "N", "largest movers of each measure (default 10)"),
      Place.threadsOption, .flag("json", "one JSON object on standard output"), ServerWork.option, Place.memoryOption,
    ] + Place.options,
    examples: [
      "millrace diff web --data /tmp/live",
      "millrace diff web 1 3 --view visits --from 2026-03-01 --data /tmp/live --json",
    ], failureIsTwo: true)

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let text = if let server = ServerWork(arguments) { try ask(server, arguments) } else { try compare(arguments) }
    let document = try DifferenceDocument(json: text)
    if arguments.has("json") { Console.print(text) } else { document.show() }
    return document.differs ? 1 : 0
  }

  private static func compare(_ arguments: Arguments) throws(Failure) -> String {
    let place = try Place(arguments)
    let data = try place.openData(create: false)
    let generations = try place.generations(try arguments.required(0, "NAME", verb: "diff"), in: data)
    let (a, b) = try sides(arguments, generations)
    var comparing = Comparison.Options()
    comparing.view = arguments.text("view")
    comparing.start = try arguments.time("from")
    comparing.end = try arguments.time("to")
    if let limit = try arguments.integer("limit", in: 1...10_000) { comparing.moverLimit = limit }
    comparing.byteLimit = max(16 << 20, place.memoryBytes / 8)
    let pair = try GenerationPair(
      data, topology: generations.topology, a, b, input: try place.input(of: generations),
      options: try place.runOptions(arguments), run: Foreground.complete)
    return ComparisonText.differences(
      topology: generations.topology, a: a, b: b, offsets: pair.offsets, exactFrom: pair.exactFrom,
      try pair.compare(comparing))
  }

  private static func ask(_ server: ServerWork, _ arguments: Arguments) throws(Failure) -> String {
    let items =
      try ServerWork.item("a", arguments, 1) + ServerWork.item("b", arguments, 2)
      + ServerWork.items(arguments, values: ["view", "from", "to", "limit"])
    return try server.ask(
      "GET", ServerWork.path(try arguments.required(0, "NAME", verb: "diff"), "diff"), items,
      seconds: ServerWork.longSeconds
    ).text
  }

  /// The live one and the newest other, unless named.
  private static func sides(_ arguments: Arguments, _ generations: Generations) throws(Failure) -> (Int, Int) {
    let live = try generations.live()
    let first = try Promote.number(arguments, 1)
    let second = try Promote.number(arguments, 2)
    if let first, let second { return (first, second) }
    if let first { return first == live ? (first, try newest(generations, but: first)) : (live ?? first, first) }
    return (live ?? 0, try newest(generations, but: live))
  }

  private static func newest(_ generations: Generations, but live: Int?) throws(Failure) -> Int {
    guard let other = try generations.all().last(where: { $0.number != live && $0.state != .cancelled }) else {
      throw .invalid(
        "topology '\(generations.topology)' has one generation only: 'millrace deploy' or 'millrace replay' builds another"
      )
    }
    return other.number
  }
}
