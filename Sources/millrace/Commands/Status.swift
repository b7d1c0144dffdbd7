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
    if let server = arguments.text("server") {
      Console.print(try ServerAnswer.get(server, "/topologies", []))
      return 0
    }
    let place = try Place(arguments)
    let data = try place.openData(create: false)
    var names = data.topologies
    if let only = arguments.text("topology") { names = [try data.topology(named: only, view: nil)] }
    // One that this program cannot read is shown with its generations all the same.
    var topologies: [Shown] = []
    for name in names {
      var shown = Shown(name: name, generations: try Generations(data, of: name).all())
      do throws(Failure) {
        shown.live = try OfflineTopology(data, topology: name, memory: place.memoryBytes)
      } catch { shown.failure = error }
      topologies.append(shown)
    }
    if arguments.has("json") {
      var texts: [String] = []
      for topology in topologies { texts.append(try topology.json()) }
      var json = JSONText()
      json.object { json in
        json.field("data", data.path)
        json.key("topologies")
        json.array { json in for text in texts { json.raw(text) } }
      }
      Console.print(json.text)
    } else {
      for topology in topologies { try topology.show() }
      if topologies.isEmpty { Console.print("\(data.path) holds no topology yet") }
    }
    return 0
  }

  private struct Shown {
    var name: String
    var generations: [Generations.Listed]
    var live: OfflineTopology?
    var failure: Failure?

    func json() throws(Failure) -> String {
      if let live { return try StatusText.topology(live, generations: generations) }
      var json = JSONText()
      json.object { json in
        json.field("name", name)
        json.field("message", failure?.message)
        json.key("generations")
        GenerationText.list(generations, &json)
      }
      return json.text
    }

    func show() throws(Failure) {
      if let live { try Status.show(live) } else { Console.print("\(Console.bold(name))  \(failure?.message ?? "")\n") }
      guard generations.count > 1 || live == nil else { return }
      let time = { (milliseconds: Int64?) in milliseconds.map { Timestamp(milliseconds: $0).description } ?? "" }
      Console.table(
        ["generation", "state", "space", "made", "caught up", "served since", "exact from"],
        generations.map { listed in
          [
            "\(listed.number)", listed.state.rawValue.replacing("_", with: " "), Console.size(listed.stateBytes),
            time(listed.generation?.createdAt), time(listed.record.caughtUpAt), time(listed.record.liveSince),
            time(listed.generation?.exactFrom),
          ]
        }, right: [0, 2])
      Console.print("")
    }
  }

  private static func show(_ topology: OfflineTopology) throws(Failure) {
    let generation = topology.generation
    Console.print(
      Console.bold(generation.topology.name)
        + "  generation \(generation.number), digest \(generation.digest.prefix(8)), state "
        + Console.size(topology.stateBytes))
    let statuses = try topology.statuses()
    Console.table(
      ["partition", "offset", "read", "counted", "duplicates", "late", "quarantined", "state"],
      statuses.map { status in
        let ledger = status.ledger
        return [
          "\(status.partition)", Console.grouped(status.offset), Console.grouped(ledger.read),
          Console.grouped(ledger.counted), Console.grouped(ledger.duplicates), Console.grouped(ledger.late),
          Console.grouped(ledger.quarantinedTotal), status.failure.map { "stopped: \($0.message)" } ?? "ok",
        ]
      }, right: [0, 1, 2, 3, 4, 5, 6])
    Console.print("")
  }
}
