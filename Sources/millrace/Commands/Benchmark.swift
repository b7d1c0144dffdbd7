import Basics
import Bench
import Foundation
import Runtime
import Settings

/// Measures the program from outside, with answers that are checked.
enum Benchmark {
  static let syntax = CommandSyntax(
    verb: "bench", positional: ["[replay|scaling|dedup|live|queries|kafka]"],
    summary: "Measure speed on made-up events, from process start to exit, with every answer checked.",
    options: [
      .value("source", "files|log", "replay: keyed NDJSON files (default), or the embedded log made from them"),
      .value("events", "N", "lines (default 1000000; kafka: 500000; dedup: 50000000 ids; queries: 20000000)"),
      .value("users", "N", "people (default 100000; live and kafka --live: 1000000; queries: a twentieth)"),
      .value("days", "N", "what the events span (default 1; queries: 90)"),
      .value("bytes", "N", "mean size of a line (default 1000; dedup: always about 120)"),
      .flag("uniform", "every event is of another user, all equally often: no locality"),
      .value("partitions", "N", "partitions (default 4; scaling: 2; kafka: 64, with --live 16)"),
      .value("seed", "N", "equal seeds and options make equal bytes (default 1)"),
      .value("runs", "N", "runs, of which the median counts (default 5; dedup and live: 1)"),
      Place.threadsOption, Place.memoryOption,
      .value("commit-every", "DURATION", "time between commits, as of 'run'"),
      .value("compare", "NAME", "beside: duckdb, duckdb-tuned, duckdb-memory; kafka: kcat, which only reads"),
      .value("python", "FILE", "python with duckdb (default: .build/bench/bin/python, else python3)"),
      .value("rate", "N", "live: events per second (default 35000; queries: 10000)"),
      .value("duration", "DURATION", "live: how long (default 10m; queries and kafka --live: 1m)"),
      .value("clients", "N", "queries: who ask, each its next question as soon as it is answered (default 16)"),
      .flag("live", "kafka: feed a topic at an even pace and measure how fresh 'serve' is"),
      .value("brokers", "B", "kafka: brokers to use (default: MILLRACE_TEST_BROKERS, else mock brokers)"),
      .value("topic", "T", "kafka: a topic of those brokers (default millrace-bench)"),
      .flag("only-brokers", "kafka: run the mock brokers alone, with the work in them"),
      .value(
        "work", "DIR", "keep the work and its expected answers there, and use them again (default: a temporary one)"),
      .flag("prepare", "only make the work in --work DIR"), .flag("json", "one JSON object on standard output"),
    ],
    examples: [
      "millrace bench",
      "millrace bench --events 5000000 --users 300000 --days 7 --compare duckdb --work /tmp/bench-5m",
      "millrace bench --source log --memory 1GiB",
      "millrace bench --events 5000000 --users 2000000 --uniform",
      "millrace bench scaling",
      "millrace bench dedup --memory 1GiB",
      "millrace bench live --duration 1m --json",
      "millrace bench queries --work /tmp/bench-queries",
      "millrace bench kafka --brokers localhost:9092 --compare kcat",
    ])

  enum What: String, CaseIterable {
    case replay, scaling, dedup, live, queries, kafka
  }

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let name = arguments.positional.first ?? "replay"
    guard let what = What(rawValue: name) else {
      let names = What.allCases.map(\.rawValue)
      throw .invalid(
        "bench measures \(names.joined(separator: ", ")), not '\(name)'\(Suggestion.hint(for: name, among: names))")
    }
    try refuseWhatMeansNothing(arguments, what)
    if arguments.has("prepare") { return try prepare(arguments, what) }
    if arguments.has("only-brokers") { return try BenchTopic.runBrokers(try work(arguments, what)) }
    let scratch = try BenchScratch(work: arguments.text("work"))
    let interrupts = Interrupts {
      ChildProcess.killAll()
      scratch.remove()
      _exit(2)
    }
    defer {
      scratch.remove()
      withExtendedLifetime(interrupts) {}
    }
    let report: BenchReport
    switch what {
    case .replay: report = try ReplayBench(arguments, scratch).run()
    case .scaling: report = try ScalingBench(arguments, scratch).run()
    case .dedup: report = try DedupBench(arguments, scratch).run()
    case .live: report = try LiveBench(arguments, scratch).run()
    case .queries: report = try QueryBench(arguments, scratch).run()
    case .kafka where arguments.has("live"): report = try KafkaLiveBench(arguments, scratch).run()
    case .kafka: report = try KafkaBench(arguments, scratch).run()
    }
    if arguments.has("json") { Console.print(report.json) } else { report.show() }
    return 0
  }

  private static func refuseWhatMeansNothing(_ arguments: Arguments, _ what: What) throws(Failure) {
    let only: [(String, [What])] = [
      ("source", [.replay]), ("compare", [.replay, .kafka]), ("python", [.replay]), ("only-brokers", [.kafka]),
      ("days", [.replay, .scaling, .queries, .kafka]), ("bytes", [.replay, .scaling, .live, .kafka]),
      ("rate", [.live, .queries, .kafka]), ("duration", [.live, .queries, .kafka]), ("clients", [.queries]),
      ("partitions", [.replay, .dedup, .live, .kafka]), ("events", [.replay, .scaling, .dedup, .queries, .kafka]),
      ("commit-every", [.replay, .scaling, .dedup, .kafka]), ("uniform", [.replay, .scaling, .live, .kafka]),
      ("live", [.kafka]), ("brokers", [.kafka]), ("topic", [.kafka]),
    ]
    for (option, kinds) in only
    where (arguments.text(option) != nil || arguments.has(option)) && !kinds.contains(what) {
      let places = kinds.map { "'bench \($0.rawValue)'" }.joined(separator: ", ")
      throw .invalid("--\(option) means nothing to 'bench \(what.rawValue)'; it is an option of \(places)")
    }
    if what == .kafka {
      let others =
        arguments.has("live") ? ["events", "days", "commit-every", "runs", "compare"] : ["rate", "duration"]
      for option in others where arguments.text(option) != nil {
        throw .invalid(
          "--\(option) means nothing to 'bench kafka' \(arguments.has("live") ? "with" : "without") --live")
      }
    }
    let others = what == .kafka ? ["kcat"] : ["duckdb", "duckdb-tuned", "duckdb-memory"]
    if let name = arguments.text("compare"), !others.contains(name) {
      throw .invalid("--compare of 'bench \(what.rawValue)' takes \(others.joined(separator: ", ")), not '\(name)'")
    }
    if let name = arguments.text("source"), name != "files", name != "log" {
      throw .invalid("--source takes files or log, not '\(name)'")
    }
  }

  /// The work that the options ask for.
  static func work(_ arguments: Arguments, _ what: What) throws(Failure) -> BenchWork {
    let isLive = what == .live || arguments.has("live")
    let isKafka = what == .kafka
    let duration = try arguments.duration("duration") ?? (isKafka ? 1 : 10) * Timestamp.minute
    let rate = try arguments.integer("rate", in: 1...1_000_000) ?? 35_000
    let days = Int64(try arguments.integer("days", in: 1...3_650) ?? 1)
    return BenchWork(
      kind: isLive ? .live : isKafka ? .topic : .replay,
      events: isLive
        ? max(1, rate * Int(duration) / 1_000)
        : try arguments.integer("events", in: 1...1_000_000_000) ?? (isKafka ? 500_000 : 1_000_000),
      users: try arguments.integer("users", in: 1...99_999_999) ?? (isLive ? 1_000_000 : 100_000),
      span: isLive ? duration : days * Timestamp.day,
      partitions: what == .scaling
        ? 2 : try arguments.integer("partitions", in: 1...(isKafka ? 1_024 : 64)) ?? (isKafka ? isLive ? 16 : 64 : 4),
      seed: UInt64(try arguments.integer("seed", in: 0...Int.max) ?? 1),
      bytes: try arguments.integer("bytes", in: 250...58_000) ?? 1_000, isUniform: arguments.has("uniform"))
  }

  private static func prepare(_ arguments: Arguments, _ what: What) throws(Failure) -> Int32 {
    guard let directory = arguments.text("work") else { throw .invalid("--prepare needs --work DIR") }
    guard what != .dedup, what != .queries else {
      throw .invalid("'bench \(what.rawValue)' makes its work itself: there is nothing to prepare")
    }
    let work = try work(arguments, what)
    try BenchScratch.makeDirectory(directory)
    guard work.facts(in: directory) == nil else { return 0 }
    let progress = Progress(now: monotonicMilliseconds())
    try work.make(in: directory) { lines in
      progress.update(
        now: monotonicMilliseconds(), done: Int64(lines), total: Int64(work.events), count: Int64(lines), noun: "lines")
    }
    progress.end()
    return 0
  }
}
