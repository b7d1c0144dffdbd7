import Basics
import Bench
import Dataflow
import Events
import Foundation
import Logs
import Runtime
import Settings
import Synchronization

/// A serving node that is fed at an even pace: what it takes to keep up, and whether memory stays where it is.
///
/// Time in the log is the work's, not the machine's, so that the answers are the same in every run; its pace is the
/// machine's. Commits are those of `serve`.
struct LiveBench {
  private let arguments: Arguments
  private let scratch: BenchScratch
  private let program: BenchProgram
  private let work: BenchWork

  init(_ arguments: Arguments, _ scratch: BenchScratch) throws(Failure) {
    self.arguments = arguments
    self.scratch = scratch
    program = BenchProgram(scratch)
    work = try Benchmark.work(arguments, .live)
    if arguments.text("runs") != nil { throw .invalid("'bench live' runs once: --duration says how long") }
  }

  /// What is read of the process while it serves.
  private struct Reading {
    var cpuNanoseconds: Int64
    var bytesWritten: Int64

    init() {
      var usage = rusage()
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      cpuNanoseconds = ChildProcess.nanoseconds(usage.ru_utime) + ChildProcess.nanoseconds(usage.ru_stime)
      bytesWritten = ChildProcess.bytesWritten(of: "self")
    }
  }

  func run() throws(Failure) -> BenchReport {
    let facts = try program.prepare(work, arguments, what: .live)
    var report = BenchReport(what: .live, work: BenchReport.work(work, arguments))
    try serve(facts, &report)
    var check = AnswerCheck(program)
    try check.check(facts, places: [["--data", scratch.path("data")]])
    report.rowsChecked = check.rows
    return report
  }

  private func serve(_ facts: BenchWork.Facts, _ report: inout BenchReport) throws(Failure) {
    var place = try Place(arguments)
    place.configuration.data = scratch.path("data")
    place.configuration.log.path = nil
    place.configuration.log.partitions = work.partitions
    place.configuration.log.reserve = .bytes(64 << 20)
    let topology = try Place.loadTopology("\(scratch.work)/bench.yaml")
    let threads = try arguments.integer("threads", in: 1...256) ?? ProcessInfo.processInfo.activeProcessorCount
    let serving = try Serving(place, [topology], listen: Address(host: "127.0.0.1", port: 0), threads: threads)
    try serving.start()
    defer { serving.stop() }
    let node = serving.node
    Console.note(
      "serving \(Console.grouped(work.events)) events in \(BenchSeries.seconds(work.span * 1_000_000)) s on \(serving.url)"
    )
    let before = Reading()
    let startedAt = ChildProcess.now()
    let feeder = LiveFeeder(work, log: node.embedded!)
    feeder.start()
    var (resident, mostBehind) = ([Int64](), Int64(0))
    let progress = Progress(now: monotonicMilliseconds())
    repeat {
      Thread.sleep(forTimeInterval: 0.5)
      resident.append(LiveBench.residentBytes)
      let fed = feeder.status.appended
      mostBehind = max(mostBehind, fed - LiveBench.committed(node))
      progress.update(
        now: monotonicMilliseconds(), done: fed, total: Int64(work.events), count: fed, noun: "events")
    } while !feeder.status.isDone
    progress.end()
    let fed = feeder.status
    if let failure = fed.failure { throw failure }
    try waitUntilCaughtUp(node, fed.appended)
    let (after, endedAt) = (Reading(), ChildProcess.now())
    try checkLedger(node, facts)
    let span = max(1, endedAt - startedAt)
    let cpu = after.cpuNanoseconds - before.cpuNanoseconds - fed.generating - fed.appending
    let events = max(1, fed.appended)
    let (written, logBytes) = (after.bytesWritten - before.bytesWritten, node.embedded!.byteCount)
    report.figures = [
      ("seconds", BenchSeries.seconds(span)),
      ("events_per_second", "\(Int64(Int128(events) * 1_000_000_000 / Int128(span)))"),
      ("serving_cores", DecimalText.format(Int128(cpu * 1_000 / span), scale: 3)),
      ("appending_cores", DecimalText.format(Int128(fed.appending * 1_000 / span), scale: 3)),
      ("generating_cores", DecimalText.format(Int128(fed.generating * 1_000 / span), scale: 3)),
      ("serving_cpu_us_per_event", DecimalText.format(Int128(cpu / events), scale: 3)),
      ("log_bytes_per_event", "\(Int64(logBytes) / events)"),
      ("state_bytes_written_per_event", "\(max(0, written - Int64(logBytes)) / events)"),
      ("state_bytes", "\(node.topologies[0].stateBytes)"),
      ("most_events_not_committed", "\(mostBehind)"), ("feeder_behind_ms", "\(fed.behindMilliseconds)"),
    ]
    var stages = StageTimes()
    for status in node.topologies[0].statuses { stages.add(status.stageTimes) }
    for stage in Stage.allCases { report.figures.append(("\(stage.name)_ns_per_event", "\(stages[stage] / events)")) }
    // A reading at the end of each tenth of the time, so that growth is seen.
    report.courses = [("resident_bytes", (1...10).map { resident[max(0, resident.count * $0 / 10 - 1)] })]
  }

  private static func committed(_ node: Node) -> Int64 {
    node.topologies[0].statuses.reduce(0) { $0 + $1.offset }
  }

  private func waitUntilCaughtUp(_ node: Node, _ appended: Int64) throws(Failure) {
    let deadline = monotonicMilliseconds() + 120_000
    while LiveBench.committed(node) < appended {
      for status in node.topologies[0].statuses { if let failure = status.failure { throw failure } }
      guard monotonicMilliseconds() < deadline else {
        throw .unavailable(
          "two minutes after the last event, \(Console.grouped(appended - LiveBench.committed(node))) are not counted: this "
            + "machine does not keep up with \(Console.grouped(work.events * 1_000 / Int(work.span))) events/s")
      }
      Thread.sleep(forTimeInterval: 0.01)
    }
  }

  private func checkLedger(_ node: Node, _ facts: BenchWork.Facts) throws(Failure) {
    var all: Ledger?
    for status in node.topologies[0].statuses {
      if all == nil { all = status.ledger } else { all!.add(status.ledger) }
    }
    let ledger = all!
    let said: [String: Any] = [
      "read": Int(ledger.read), "counted": Int(ledger.counted), "duplicates": Int(ledger.duplicates),
      "late": Int(ledger.late), "quarantined": Int(ledger.quarantinedTotal), "collisions": Int(ledger.collisions),
    ]
    try AnswerCheck(program).checkLedger(said, read: facts.read, counted: facts.counted)
  }

  private static var residentBytes: Int64 {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int64($0) } ?? 0
    return pages * Int64(sysconf(Int32(_SC_PAGESIZE)))
  }
}

/// Makes lines and appends them durably in groups, each when its time has come.
final class LiveFeeder: Sendable {
  struct Status {
    var appended: Int64 = 0
    /// Processor time of the feeding thread, nanoseconds.
    var generating: Int64 = 0
    var appending: Int64 = 0
    /// The most it was behind its own pace.
    var behindMilliseconds: Int64 = 0
    var isDone = false
    var failure: Failure?
  }

  private static let tickMilliseconds: Int64 = 50

  private let work: BenchWork
  private let log: SegmentLog
  private let state = Mutex(Status())

  init(_ work: BenchWork, log: SegmentLog) {
    self.work = work
    self.log = log
  }

  var status: Status { state.withLock { $0 } }

  func start() {
    let thread = Thread { [self] in
      do throws(Failure) { try feed() } catch { state.withLock { $0.failure = error } }
      state.withLock { $0.isDone = true }
    }
    thread.name = "feeder"
    thread.start()
  }

  private func feed() throws(Failure) {
    let lines = try WorkLines(work)
    let appender = LogAppender(log)
    let startedAt = monotonicMilliseconds()
    var hasLine = lines.next()
    var tick: Int64 = 0
    while hasLine {
      tick += 1
      let wanted = startedAt + tick * LiveFeeder.tickMilliseconds
      let now = monotonicMilliseconds()
      if now < wanted { Thread.sleep(forTimeInterval: Double(wanted - now) / 1_000) }
      let time = work.start + tick * LiveFeeder.tickMilliseconds
      let began = ThreadTime.now()
      while hasLine, lines.logTime < time {
        try gather(lines, appender)
        hasLine = lines.next()
      }
      let made = ThreadTime.now()
      try appender.finish()
      let appended = ThreadTime.now()
      let behind = max(0, monotonicMilliseconds() - wanted)
      state.withLock { state in
        state.appended = appender.appended
        state.generating += made - began
        state.appending += appended - made
        state.behindMilliseconds = max(state.behindMilliseconds, behind)
      }
    }
  }

  /// Copying a line into its partition's slice is a few dozen nanoseconds and counts as generating it; compressing and
  /// writing happens in `finish`.
  private func gather(_ lines: WorkLines, _ appender: LogAppender) throws(Failure) {
    let partition = Int((murmur2(lines.key) & 0x7fff_ffff) % UInt32(log.partitionCount))
    try appender.append(lines.bytes, stamp: appender.stamp(lines.logTime, partition: partition), partition: partition)
  }
}
