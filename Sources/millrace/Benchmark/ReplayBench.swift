import Basics
import Bench
import Foundation

/// The main job over keyed files or the embedded log, alone or beside DuckDB.
struct ReplayBench {
  private let arguments: Arguments
  private let scratch: BenchScratch
  private let program: BenchProgram
  private let work: BenchWork
  private let runs: Int
  private let isLog: Bool

  init(_ arguments: Arguments, _ scratch: BenchScratch) throws(Failure) {
    self.arguments = arguments
    self.scratch = scratch
    program = BenchProgram(scratch)
    work = try Benchmark.work(arguments, .replay)
    runs = try arguments.integer("runs", in: 1...1_000) ?? 5
    isLog = arguments.text("source") == "log"
  }

  func run() throws(Failure) -> BenchReport {
    let other = arguments.text("compare") == nil ? nil : try DuckDB(arguments, program)
    let facts = try program.prepare(work, arguments, what: .replay)
    if isLog { try importFiles() }
    var report = BenchReport(what: .replay, work: BenchReport.work(work, arguments))
    var check = AnswerCheck(program)
    var (own, others) = (BenchSeries("millrace"), BenchSeries(arguments.text("compare") ?? ""))
    for number in 1...runs {
      own.samples.append(try measure(facts, &check))
      Console.note("run \(number) of \(runs): \(Console.grouped(own.samples.last!.perSecond)) events/s, answers equal")
      if let other {
        others.samples.append(try other.measure(facts, &check))
        Console.note(
          "  duckdb:  \(Console.grouped(others.samples.last!.perSecond)) events/s, answers equal")
      }
    }
    report.series = [own]
    if other != nil {
      report.series.append(others)
      report.figures = [
        ("ratio", BenchReport.ratio(own.perSecond, others.perSecond)),
        ("cpu_ratio", BenchReport.ratio(others.median(\.cpuPerEvent), own.median(\.cpuPerEvent))),
      ]
    }
    report.rowsChecked = check.rows
    return report
  }

  private func measure(_ facts: BenchWork.Facts, _ check: inout AnswerCheck) throws(Failure) -> BenchSample {
    scratch.remove("data")
    let words = ["run", "\(scratch.work)/bench.yaml", "--json"] + input + runOptions(arguments)
    let usage = try program.run(words, output: scratch.path("run.json"))
    let json = try program.json(scratch.path("run.json"))
    try check.checkLedger(json, read: facts.read, counted: facts.counted)
    let state = BenchScratch.bytes(below: scratch.path("data/topologies"))
    try check.check(facts, places: [["--data", scratch.path("data")]])
    scratch.remove("data")
    return BenchSample(usage, events: facts.read, stateBytes: state, json: json)
  }

  private var input: [String] {
    isLog
      ? ["--config", scratch.path("log.yaml")]
      : ["--input"] + work.files(in: scratch.work) + ["--keyed", "--data", scratch.path("data")]
  }

  /// The log is made once: what is measured is reading it.
  private func importFiles() throws(Failure) {
    let (log, done) = ("\(scratch.work)/log", "\(scratch.work)/log.done")
    let configuration =
      "log: { embedded: { path: \(BenchProgram.quoted(log)), partitions: \(work.partitions), reserve: 64MiB } }\n"
    try BenchProgram.write(
      "data: \(BenchProgram.quoted(scratch.path("data")))\n" + configuration, to: scratch.path("log.yaml"))
    if FileManager.default.fileExists(atPath: done) {
      BenchScratch.warm(BenchScratch.files(below: log))
      return
    }
    Console.note("importing it into an embedded log")
    try? FileManager.default.removeItem(atPath: log)
    try program.run(
      ["import"] + work.files(in: scratch.work) + ["--config", scratch.path("log.yaml"), "--json"],
      output: scratch.path("import.json"))
    try BenchProgram.write("", to: done)
    sync()
  }
}

/// Options that `run` has too.
func runOptions(_ arguments: Arguments) -> [String] {
  ["threads", "memory", "commit-every"].flatMap { name in arguments.text(name).map { ["--\(name)", $0] } ?? [] }
}
