import Basics
import Bench
import Foundation

/// One thread, two threads, and two processes that have nothing in common, over the same two partitions.
struct ScalingBench {
  private let arguments: Arguments
  private let scratch: BenchScratch
  private let program: BenchProgram
  private let work: BenchWork
  private let runs: Int

  init(_ arguments: Arguments, _ scratch: BenchScratch) throws(Failure) {
    self.arguments = arguments
    self.scratch = scratch
    program = BenchProgram(scratch)
    work = try Benchmark.work(arguments, .scaling)
    runs = try arguments.integer("runs", in: 1...1_000) ?? 5
    if arguments.text("threads") != nil {
      throw .invalid("'bench scaling' is about threads: it uses one, then two")
    }
  }

  func run() throws(Failure) -> BenchReport {
    let facts = try program.prepare(work, arguments, what: .scaling)
    var check = AnswerCheck(program)
    let files = work.files(in: scratch.work)
    var (one, two, apart) = (BenchSeries("one thread"), BenchSeries("two threads"), BenchSeries("two processes"))
    for number in 1...runs {
      one.samples.append(try measure([files], threads: 1, facts, &check))
      two.samples.append(try measure([files], threads: 2, facts, &check))
      apart.samples.append(try measure(files.map { [$0] }, threads: 1, facts, &check))
      let rates = [one, two, apart].map { Console.grouped($0.samples.last!.perSecond) }
      Console.note("run \(number) of \(runs): \(rates.joined(separator: ", ")) events/s, answers equal")
    }
    var report = BenchReport(what: .scaling, work: BenchReport.work(work, arguments))
    report.series = [one, two, apart]
    report.figures = [
      ("two_threads_to_one", BenchReport.ratio(two.perSecond, one.perSecond)),
      ("two_threads_to_two_processes", BenchReport.ratio(two.perSecond, apart.perSecond)),
    ]
    report.rowsChecked = check.rows
    return report
  }

  /// A process for each list of files, all started at once; the time is from the first start to the last exit.
  private func measure(
    _ inputs: [[String]], threads: Int, _ facts: BenchWork.Facts, _ check: inout AnswerCheck
  ) throws(Failure) -> BenchSample {
    var children: [(process: ChildProcess, words: [String])] = []
    for (part, files) in inputs.enumerated() {
      scratch.remove("data-\(part)")
      let words =
        ["run", "\(scratch.work)/bench.yaml", "--input"] + files
        + ["--keyed", "--threads", "\(threads)", "--data", scratch.path("data-\(part)"), "--json"]
        + runOptions(arguments)
      children.append((try program.start(words, output: scratch.path("run-\(part).json")), words))
    }
    var all = ChildProcess.Usage()
    var total: [String: Int] = [:]
    var state: Int64 = 0
    // Each process's stages are per record of its own.
    var stages: [String: Int] = [:]
    for (part, child) in children.enumerated() {
      let usage = child.process.wait()
      try program.check(usage, child.words)
      all.startedAt = part == 0 ? usage.startedAt : min(all.startedAt, usage.startedAt)
      all.endedAt = max(all.endedAt, usage.endedAt)
      all.cpuNanoseconds += usage.cpuNanoseconds
      all.peakResidentBytes += usage.peakResidentBytes
      all.bytesWritten += usage.bytesWritten
      let json = try program.json(scratch.path("run-\(part).json"))
      for (name, value) in json { if let count = value as? Int { total[name, default: 0] += count } }
      for (name, value) in json["stages"] as? [String: Any] ?? [:] {
        stages[name, default: 0] += (value as? Int ?? 0) * (json["read"] as? Int ?? 0)
      }
      state += BenchScratch.bytes(below: scratch.path("data-\(part)/topologies"))
    }
    try check.checkLedger(total, read: facts.read, counted: facts.counted)
    try check.check(facts, places: inputs.indices.map { ["--data", scratch.path("data-\($0)")] })
    for part in inputs.indices { scratch.remove("data-\(part)") }
    return BenchSample(
      all, events: facts.read, stateBytes: state, json: ["stages": stages.mapValues { $0 / max(1, facts.read) }])
  }
}
