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
    if let server = ServerWork(arguments) { return try ask(server, arguments) }
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
    let views = try pair.compare(comparing)
    if arguments.has("json") {
      Console.print(
        ComparisonText.differences(
          topology: generations.topology, a: a, b: b, offsets: pair.offsets, exactFrom: pair.exactFrom, views))
    } else {
      show(generations.topology, a, b, pair, views)
    }
    return views.contains { $0.differs } ? 1 : 0
  }

  /// Only JSON, as what a server says of its status.
  private static func ask(_ server: ServerWork, _ arguments: Arguments) throws(Failure) -> Int32 {
    let items =
      try ServerWork.item("a", arguments, 1) + ServerWork.item("b", arguments, 2)
      + ServerWork.items(arguments, values: ["view", "from", "to", "limit"])
    let answer = try server.ask(
      "GET", ServerWork.path(try arguments.required(0, "NAME", verb: "diff"), "diff"), items, seconds: 3_600)
    Console.print(answer.text)
    let views = answer.object["views"] as? [[String: Any]] ?? []
    return views.contains { view in ["changed", "added", "removed"].contains { view[$0] as? Int != 0 } } ? 1 : 0
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

  private static func show(_ topology: String, _ a: Int, _ b: Int, _ pair: GenerationPair, _ views: [ViewDifference]) {
    Console.print(
      "\(Console.bold(topology)): generation \(a) and generation \(b), both at offsets "
        + pair.offsets.map { "\($0)" }.joined(separator: " ") + "\n")
    if let exact = pair.exactFrom {
      Console.print("Buckets before \(Timestamp(milliseconds: exact)) are not rebuilt from the log and not compared.\n")
    }
    Console.table(
      ["view", "equal", "changed", "added", "removed", "not rebuilt"],
      views.map { view in
        [view.view] + [view.equal, view.changed, view.added, view.removed, view.notRebuilt].map { Console.grouped($0) }
      }, right: [1, 2, 3, 4, 5])
    for view in views where view.differs || !view.notes.isEmpty { show(view, a, b) }
    if !views.contains(where: \.differs) { Console.print("\nNo cell differs.") }
  }

  private static func show(_ view: ViewDifference, _ a: Int, _ b: Int) {
    Console.print("\n\(Console.bold(view.view))")
    for note in view.notes { Console.print("  \(note)") }
    for (number, only) in [(a, view.onlyInA), (b, view.onlyInB)] {
      for (what, names) in [("measures", only.measures), ("dimensions", only.dimensions), ("grains", only.grains)]
      where !names.isEmpty {
        Console.print("  \(what) of generation \(number) only: \(names.joined(separator: ", "))")
      }
    }
    table("largest differences", view.largest, a, b)
    table("largest differences relative to the value", view.largestRelative, a, b)
    for totals in view.totals where totals.different > 0 {
      let of = totals.by.map { "by \($0) alone" } ?? "in total"
      table(
        "\(totals.grain) \(of): \(Console.grouped(totals.equal)) rows equal, \(Console.grouped(totals.different)) different",
        totals.largest, a, b)
    }
  }

  private static func table(_ title: String, _ movers: [ViewDifference.Mover], _ a: Int, _ b: Int) {
    guard !movers.isEmpty else { return }
    // A few of each measure: one in milliseconds would crowd out all others.
    var shown: [String: Int] = [:]
    let movers = movers.filter { mover in
      shown[mover.measure, default: 0] += 1
      return shown[mover.measure]! <= 3
    }
    Console.print("\n  \(title)")
    Console.table(
      ["  grain", "bucket", "dimensions", "measure", "generation \(a)", "generation \(b)"],
      movers.map { mover in
        [
          "  \(mover.grain)", "\(Timestamp(milliseconds: mover.bucket))",
          mover.dimensions.map { "\($0.name)=\($0.value.isEmpty ? "-" : $0.value)" }.joined(separator: " "),
          mover.measure, mover.a?.text ?? "-", mover.b?.text ?? "-",
        ]
      }, right: [4, 5])
  }
}
