import Basics
import Bench
import Foundation
import Logs

/// The main job over a topic that is full, from start to end.
struct KafkaBench {
  private let arguments: Arguments
  private let scratch: BenchScratch
  private let program: BenchProgram
  private let work: BenchWork
  private let runs: Int

  init(_ arguments: Arguments, _ scratch: BenchScratch) throws(Failure) {
    self.arguments = arguments
    self.scratch = scratch
    program = BenchProgram(scratch)
    work = try Benchmark.work(arguments, .kafka)
    runs = try arguments.integer("runs", in: 1...1_000) ?? 5
  }

  func run() throws(Failure) -> BenchReport {
    let other = arguments.text("compare") == nil ? nil : try Kcat(scratch)
    let facts = try program.prepare(work, arguments, what: .kafka)
    let topic = try BenchTopic(arguments, work, program)
    try fill(topic, facts)
    try BenchProgram.write(work.topology(topic: topic.name), to: scratch.path("kafka.yaml"))
    try topic.writeConfiguration(to: scratch.path("config.yaml"), data: scratch.path("data"))
    var report = BenchReport(what: .kafka, work: BenchReport.work(work, arguments) + [("mock", "\(topic.isMock)")])
    var check = AnswerCheck(program)
    var (series, others) = (BenchSeries("millrace"), BenchSeries("kcat"))
    for number in 1...runs {
      series.samples.append(try measure(facts, &check))
      let core = KafkaBench.perCore(series.samples.last!.cpuPerEvent)
      Console.note("run \(number) of \(runs): \(Console.grouped(core)) events/s per core, answers equal")
      if let other {
        others.samples.append(try other.measure(topic, records: facts.read))
        let core = KafkaBench.perCore(others.samples.last!.cpuPerEvent)
        Console.note("  kcat, which only reads: \(Console.grouped(core))")
      }
    }
    report.series = [series] + (other == nil ? [] : [others])
    report.figures = [
      ("events_per_second_per_core", "\(KafkaBench.perCore(series.median(\.cpuPerEvent)))"),
      ("best_events_per_second_per_core", "\(KafkaBench.perCore(series.samples.map(\.cpuPerEvent).min() ?? 0))"),
    ]
    if other != nil {
      let ratio = BenchReport.ratio(series.median(\.cpuPerEvent), others.median(\.cpuPerEvent))
      report.figures.append(("times_what_reading_takes", ratio))
    }
    report.rowsChecked = check.rows
    return withExtendedLifetime(topic) { report }
  }

  /// Of the processor time of the whole process.
  private static func perCore(_ nanosecondsPerEvent: Int64) -> Int64 { 1_000_000_000 / max(1, nanosecondsPerEvent) }

  private func fill(_ topic: BenchTopic, _ facts: BenchWork.Facts) throws(Failure) {
    if try topic.count() == 0 {
      Console.note("appending \(Console.grouped(facts.read)) records to topic \(topic.name)")
      try BenchTopic.fill(work, topic.options, topic: topic.name)
    }
    let count = try topic.count()
    guard count == facts.read else {
      throw .invalid(
        "topic \(topic.name) holds \(count) records, not the \(facts.read) of this work: delete it and make it again, or name "
          + "another --topic")
    }
  }

  private func measure(_ facts: BenchWork.Facts, _ check: inout AnswerCheck) throws(Failure) -> BenchSample {
    scratch.remove("data")
    let words = ["run", scratch.path("kafka.yaml"), "--config", scratch.path("config.yaml"), "--json"]
    let usage = try program.run(words + runOptions(arguments), output: scratch.path("run.json"))
    let json = try program.json(scratch.path("run.json"))
    try check.checkLedger(json, read: facts.read, counted: facts.counted)
    let state = BenchScratch.bytes(below: scratch.path("data/topologies"))
    try check.check(facts, places: [["--data", scratch.path("data")]])
    scratch.remove("data")
    return BenchSample(usage, events: facts.read, stateBytes: state, json: json)
  }
}
