import Basics
import Dataflow
import Foundation
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
      .value("threads", "N", "worker threads (default: one per core)"),
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
    let startedAt = monotonicMilliseconds()
    let run = try BoundedRun(data, topologyFile: file, input: input, options: options) { partition, failure in
      Console.warn("partition \(partition) stopped: \(failure.message)")
    }
    let interrupts = Interrupts { run.topology.stop() }
    run.topology.start()
    watch(run, Progress(now: startedAt))
    let milliseconds = max(1, monotonicMilliseconds() - startedAt)
    let summary = RunSummary(
      run.topology.statuses, milliseconds: milliseconds, plan: try Plan(run.topology.generation.topology))
    if arguments.has("json") { Console.print(summary.json) } else { summary.show() }
    if interrupts.signalSeen != nil {
      Console.note("interrupted; everything so far is committed: the same command goes on from here")
      return 2
    }
    return summary.stopped.isEmpty ? 0 : 2
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
    let cores = ProcessInfo.processInfo.activeProcessorCount
    var options = BoundedRun.Options(
      memory: place.memoryBytes, threads: try arguments.integer("threads", in: 1...256) ?? cores)
    if let records = try arguments.integer("batch-records", in: 1...1_000_000) {
      options.task.batchRecords = records
      options.task.batchBytes = 1 << 30
    }
    if let every = try arguments.duration("commit-every") { options.task.policy.everyMilliseconds = every }
    return options
  }

  private static func watch(_ run: BoundedRun, _ progress: Progress) {
    let done = DispatchSemaphore(value: 0)
    let waiter = Thread {
      run.topology.wait()
      done.signal()
    }
    waiter.start()
    while done.wait(timeout: .now() + 0.25) == .timedOut {
      let (bytes, total) = run.progress()
      let count = run.topology.statuses.reduce(Int64(0)) { $0 + $1.readThisRun }
      progress.update(now: monotonicMilliseconds(), done: bytes, total: total, count: count, noun: "events")
    }
    progress.end()
  }
}
