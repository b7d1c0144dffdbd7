import Basics
import Dataflow
import Logs
import Runtime

/// A bounded run: process what there is, print the ledger and the speed, exit.
enum Run {
  static let syntax = CommandSyntax(
    verb: "run", positional: ["TOPOLOGY.yaml"],
    summary: "Process files, or the log up to its present end, and exit.",
    options: [
      .values("input", "FILE", "NDJSON files, plain, .gz, .zst, or - for standard input (default: the log)"),
      .flag("keyed", "each file is one partition and holds whole users, in log order"),
      .value("partitions", "N", "without --keyed: partitions the users are spread over (default 4)"),
      Place.threadsOption,
      .value("batch-records", "N", "records of one batch at the most (default 16384); results do not depend on it"),
      .value("commit-every", "DURATION", "time between commits (default 5s); results do not depend on it"),
      .flag("json", "one JSON object on standard output"), Place.memoryOption,
    ] + Place.options,
    examples: [
      "millrace run topologies/web.yaml --input events.ndjson.zst --data /tmp/web",
      "millrace run topologies/web.yaml --input p0.ndjson p1.ndjson --keyed --data /tmp/web --json",
    ])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let path = try arguments.required(0, "TOPOLOGY.yaml", verb: "run")
    let place = try Place(arguments)
    let file = try Place.loadTopology(path)
    let input = try input(arguments, place, file.topology.source)
    let data = try place.openData(create: true)
    let options = try options(arguments, place)
    let run = try BoundedRun(data, topologyFile: file, input: input, options: options) { partition, failure in
      Console.warn("partition \(partition) stopped: \(failure.message)")
    }
    let work = Foreground(run)
    let summary = RunSummary(
      run.topology.statuses, milliseconds: work.milliseconds, plan: try Plan(run.topology.generation.topology))
    if arguments.has("json") { Console.print(summary.json) } else { summary.show() }
    if work.wasInterrupted {
      Console.note("interrupted; everything so far is committed: the same command goes on from here")
      return 2
    }
    guard summary.stopped.isEmpty else { return 2 }
    let generation = run.topology.generation
    try Generations(data, of: generation.topology.name).caughtUp(
      generation.number, work.speed(of: run, threads: options.threads))
    return 0
  }

  private static func input(
    _ arguments: Arguments, _ place: Place, _ source: Topology.Source
  ) throws(Failure) -> BoundedRun.Input {
    guard let files = arguments.list("input") else {
      if arguments.has("keyed") || arguments.text("partitions") != nil {
        throw .invalid("--keyed and --partitions are about --input files; the log has its own partitions")
      }
      if let kafka = place.kafka {
        let stamps = KafkaStamps(trustsHeader: source.trustStamps, trustsProducerTime: source.trustProducerTime)
        return .kafka(try KafkaLog(kafka, topic: source.topic, stamps: stamps))
      }
      return .log(try place.openLog(topic: source.topic, readOnly: true))
    }
    if arguments.has("keyed"), arguments.text("partitions") != nil {
      throw .invalid("with --keyed every file is a partition, so --partitions has nothing to say; leave one out")
    }
    let partitions = try arguments.integer("partitions", in: 1...1_024) ?? 4
    return .files(files, keyed: arguments.has("keyed"), partitions: partitions)
  }

  private static func options(_ arguments: Arguments, _ place: Place) throws(Failure) -> BoundedRun.Options {
    var options = try place.runOptions(arguments)
    options.isAnswering = false
    if let records = try arguments.integer("batch-records", in: 1...1_000_000) {
      options.task.batchRecords = records
      options.task.batchBytes = 1 << 30
    }
    if let every = try arguments.duration("commit-every") { options.task.policy.everyMilliseconds = every }
    return options
  }
}
