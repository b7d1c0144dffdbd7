import Basics
import Bench
import Foundation
import Synchronization

/// Ids that have never been seen, streamed into `run --input -`, with resends of any earlier one among them.
struct DedupBench {
  private let arguments: Arguments
  private let scratch: BenchScratch
  private let program: BenchProgram
  private let distinct: Int
  private let users: Int
  private let seed: Int
  private let runs: Int

  init(_ arguments: Arguments, _ scratch: BenchScratch) throws(Failure) {
    self.arguments = arguments
    self.scratch = scratch
    program = BenchProgram(scratch)
    distinct = try arguments.integer("events", in: 1...2_000_000_000) ?? 50_000_000
    users = try arguments.integer("users", in: 1...99_999_999) ?? 100_000
    seed = try arguments.integer("seed", in: 0...Int.max) ?? 1
    runs = try arguments.integer("runs", in: 1...1_000) ?? 1
    _ = try arguments.integer("partitions", in: 1...64)
    if arguments.has("uniform") { throw .invalid("'bench dedup' has no --uniform: all its users are equally frequent") }
  }

  func run() throws(Failure) -> BenchReport {
    try BenchProgram.write(BenchTopology.ids, to: scratch.path("ids.yaml"))
    var check = AnswerCheck(program)
    var series = BenchSeries("millrace")
    var feeding: Int64 = 0
    for number in 1...runs {
      let (sample, fed) = try measure(&check)
      series.samples.append(sample)
      feeding = fed
      Console.note("run \(number) of \(runs): \(Console.grouped(sample.perSecond)) events/s, answers equal")
    }
    var report = BenchReport(
      what: .dedup,
      work: [
        ("distinct_ids", "\(distinct)"), ("lines", "\(IdentifierFeed.lines(distinct: distinct))"),
        ("users", "\(users)"),
        ("seed", "\(seed)"),
      ] + BenchReport.options(arguments))
    report.series = [series]
    report.figures = [
      ("feeding_cpu_us_per_event", DecimalText.format(Int128(feeding / Int64(max(1, distinct))), scale: 3))
    ]
    report.rowsChecked = check.rows
    return report
  }

  private func measure(_ check: inout AnswerCheck) throws(Failure) -> (BenchSample, feedingNanoseconds: Int64) {
    scratch.remove("data")
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else {
      throw .unavailable("cannot make a pipe: \(String(cString: strerror(errno)))")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    // F_SETPIPE_SZ: the largest a pipe may be without privileges; fewer switches between the two processes.
    _ = fcntl(ends[1], 1_031, 1 << 20)
    var words = ["run", scratch.path("ids.yaml"), "--input", "-", "--data", scratch.path("data"), "--json"]
    if let partitions = arguments.text("partitions") { words += ["--partitions", partitions] }
    words += runOptions(arguments)
    let child = try program.start(words, input: ends[0], output: scratch.path("run.json"))
    close(ends[0])
    let lines = IdentifierFeed.lines(distinct: distinct)
    let feeder = Feeder(IdentifierFeed(distinct: distinct, users: users, seed: seed), to: ends[1])
    feeder.start()
    let usage = child.wait()
    let feed = feeder.wait()
    try program.check(usage, words)
    let json = try program.json(scratch.path("run.json"))
    try check.checkLedger(json, read: lines, counted: distinct)
    let state = BenchScratch.bytes(below: scratch.path("data/topologies"))
    try feed.feed.writeExpected(to: scratch.path("expected-ids.csv"))
    try check.check(
      view: "ids", grain: "hour", keyColumns: BenchTopology.idsKeys, expected: scratch.path("expected-ids.csv"),
      places: [["--data", scratch.path("data")]])
    scratch.remove("data")
    return (BenchSample(usage, events: lines, stateBytes: state, json: json), feed.nanoseconds)
  }
}

/// Writes the records from a thread of its own.
///
/// `@unchecked Sendable`: the thread has the feed and the time to itself until `done` is signalled, whoever waits after.
private final class Feeder: @unchecked Sendable {
  private let feed: IdentifierFeed
  private let file: Int32
  private var nanoseconds: Int64 = 0
  private let done = DispatchSemaphore(value: 0)

  init(_ feed: IdentifierFeed, to file: Int32) {
    self.feed = feed
    self.file = file
  }

  func start() {
    let thread = Thread { [self] in
      feed.write(to: file)
      close(file)
      nanoseconds = ThreadTime.now()
      done.signal()
    }
    thread.name = "feeder"
    thread.start()
  }

  func wait() -> (feed: IdentifierFeed, nanoseconds: Int64) {
    done.wait()
    return (feed, nanoseconds)
  }
}

enum ThreadTime {
  /// Processor time of the calling thread, nanoseconds.
  static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
