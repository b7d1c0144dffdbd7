import Basics
import Dataflow
import Runtime

/// Builds the next generation beside the one that is served.
enum Deploy {
  static let fromOption = CommandSyntax.Option.value(
    "from", "START",
    "a time (2026-03-01), an offset, or 'checkpoint': one of the same meaning (default: the log's start)")
  static let shareOption = CommandSyntax.Option.value(
    "max-share", "PERCENT", "of the cores that a server builds it with (default 50)")
  static let shorterOption = CommandSyntax.Option.flag(
    "accept-shorter-history", "promote although the log no longer holds all that is shown now")

  static let syntax = CommandSyntax(
    verb: "deploy", positional: ["TOPOLOGY.yaml"],
    summary: "Build the next generation of a topology beside the one that is served, to the log's end.",
    options: [
      .flag("promote-when-caught-up", "serve it as soon as it is built"), fromOption, shorterOption,
      shareOption, Place.threadsOption, .flag("json", "one JSON object on standard output"), ServerWork.option,
      Place.memoryOption,
    ] + Place.options,
    examples: [
      "millrace deploy topologies/web.yaml --data /tmp/live",
      "millrace deploy topologies/web.yaml --data /tmp/live --promote-when-caught-up",
      "millrace deploy topologies/web.yaml --server http://127.0.0.1:8080 --max-share 25",
    ])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let file = try Place.loadTopology(try arguments.required(0, "TOPOLOGY.yaml", verb: "deploy"))
    if let server = ServerWork(arguments) {
      return try server.build(arguments, file.topology.name, "generations", body: file.text)
    }
    let place = try Place(arguments)
    let data = try place.openData(create: true)
    let input = try input(place, data, file.topology)
    return try build(arguments, place, Generations(data, of: file.topology.name), file, input, isReplay: false)
  }

  /// What the topology's generations are built from: what the live one was, else the log that is configured.
  static func input(
    _ place: Place, _ data: DataDirectory, _ topology: Dataflow.Topology
  ) throws(Failure) -> BoundedRun.Input {
    let generations = Generations(data, of: topology.name)
    return try generations.live() == nil ? try place.input(topology.source) : try place.input(of: generations)
  }

  static func start(_ arguments: Arguments) throws(Failure) -> ReplayStart {
    guard let text = arguments.text("from") else { return .beginning }
    if text == "checkpoint" { return .checkpoint }
    if let offset = Int64(text), offset >= 0 { return .offset(offset) }
    guard let time = Timestamp(text) else {
      throw .invalid(
        "--from takes a time such as 2026-03-01T12:00:00Z or 2026-03-01, an offset, or 'checkpoint', not '\(text)'")
    }
    return .time(time.milliseconds)
  }

  static func build(
    _ arguments: Arguments, _ place: Place, _ generations: Generations, _ file: (text: String, topology: Topology),
    _ input: BoundedRun.Input, isReplay: Bool
  ) throws(Failure) -> Int32 {
    guard arguments.text("max-share") == nil else {
      throw .invalid(
        "--max-share is for --server URL: without a server nothing is served beside it; --threads sets the threads")
    }
    var options = try place.runOptions(arguments)
    options.isAnswering = false
    var outcome = Outcome(topology: generations.topology)
    switch try generations.next(file, from: input, start: try start(arguments), isReplay: isReplay) {
    case .unchanged(let live):
      outcome.generation = live.number
      outcome.isUnchanged = true
      outcome.isLive = true
    case .build(let generation, let isResumed):
      outcome.generation = generation.number
      outcome.isResumed = isResumed
      if !arguments.has("json") {
        Console.note(
          "\(isResumed ? "going on with" : "building") generation \(generation.number) of '\(generations.topology)'"
            + (generation.origin.map { ", begun with checkpoint \($0.checkpoint) of generation \($0.generation)" } ?? "")
        )
      }
      let run = try BoundedRun(generation, input: input, options: options) { partition, failure in
        Console.warn("partition \(partition) stopped: \(failure.message)")
      }
      let work = Foreground(run)
      outcome.speed = work.speed(of: run, threads: options.threads)
      outcome.offsets = run.topology.statuses.map(\.offset)
      if work.wasInterrupted {
        Console.note("interrupted; everything so far is committed: the same command goes on from here")
        return 2
      }
      if run.topology.statuses.contains(where: { $0.failure != nil }) { return 2 }
      try generations.caughtUp(generation.number, outcome.speed!)
      outcome.isLive = try generations.live() == generation.number
    }
    if arguments.has("promote-when-caught-up"), !outcome.isLive {
      try Promote.promote(outcome.generation, generations, place, input, arguments)
      outcome.isLive = true
    }
    if arguments.has("json") { Console.print(outcome.json) } else { outcome.show() }
    return 0
  }

  private struct Outcome {
    var topology: String
    var generation = 0
    var isUnchanged = false
    var isResumed = false
    var isLive = false
    var offsets: [Int64] = []
    var speed: ReplaySpeed?

    init(topology: String) { self.topology = topology }

    func show() {
      if isUnchanged {
        Console.print(
          "the file means the same as generation \(generation) of '\(topology)', which is served: nothing to build "
            + "('millrace replay \(topology)' rebuilds it all the same)")
        return
      }
      if let speed {
        Console.print(
          "generation \(generation) of '\(topology)' is caught up: \(Console.grouped(speed.records)) events in "
            + "\(DecimalText.format(Int128(speed.milliseconds), scale: 3)) s, "
            + "\(Console.grouped(speed.recordsPerSecond)) events/s")
      }
      Console.print(
        isLive
          ? "it is served"
          : "'millrace diff \(topology)' says what is different; 'millrace promote \(topology)' serves it; "
            + "'millrace drop \(topology) \(generation)' removes it")
    }

    var json: String {
      var json = JSONText()
      json.object { json in
        json.field("topology", topology)
        json.field("generation", generation)
        json.field("unchanged", isUnchanged)
        json.field("resumed", isResumed)
        json.field("state", isLive ? "live" : "caught_up")
        json.key("offsets")
        json.array { json in for offset in offsets { json.value(offset) } }
        json.field("read_this_run", speed?.records)
        json.field("seconds", number: speed.map { DecimalText.format(Int128($0.milliseconds), scale: 3) })
        json.field("events_per_second", speed?.recordsPerSecond)
      }
      return json.text
    }
  }
}
