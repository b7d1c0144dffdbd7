import Basics
import Bench
import Events
import Foundation
import Logs
import Runtime
import Synchronization

/// `serve` on a topic that is fed at an even pace: how long it takes from a producer's call until answers have the event.
///
/// Brokers, producer and server are three processes, so the server's processor time is its own.
struct KafkaLiveBench {
  private let arguments: Arguments
  private let scratch: BenchScratch
  private let program: BenchProgram
  private let work: BenchWork

  /// Not a divisor of the second between commits, so that all moments between two commits are seen.
  private static let sampleMilliseconds: Int64 = 230

  init(_ arguments: Arguments, _ scratch: BenchScratch) throws(Failure) {
    self.arguments = arguments
    self.scratch = scratch
    program = BenchProgram(scratch)
    work = try Benchmark.work(arguments, .kafka)
  }

  func run() throws(Failure) -> BenchReport {
    let facts = try program.prepare(work, arguments, what: .kafka)
    let topic = try BenchTopic(arguments, work, program)
    let there = try topic.count()
    guard there == 0 else {
      throw .invalid(
        "topic \(topic.name) holds \(there) records: with --live it has to be empty, so name another --topic")
    }
    try BenchProgram.write(work.topology(topic: topic.name), to: scratch.path("kafka.yaml"))
    try topic.writeConfiguration(to: scratch.path("config.yaml"), data: scratch.path("data"))
    var report = BenchReport(what: .kafka, work: BenchReport.work(work, arguments) + [("mock", "\(topic.isMock)")])
    let server = try LiveServer(program, arguments)
    do throws(Failure) { try feed(topic, server, facts, &report) } catch {
      server.process.signal(SIGKILL)
      _ = server.process.wait()
      throw error
    }
    server.process.signal(SIGTERM)
    let usage = server.process.wait()
    try program.check(usage, ["serve", "kafka.yaml"])
    report.figures.append(("peak_rss_bytes", "\(usage.peakResidentBytes)"))
    var check = AnswerCheck(program)
    try check.check(facts, places: [["--data", scratch.path("data")]])
    report.rowsChecked = check.rows
    return report
  }

  private func feed(
    _ topic: BenchTopic, _ server: LiveServer, _ facts: BenchWork.Facts, _ report: inout BenchReport
  ) throws(Failure) {
    try server.waitUntilAssigned(work.partitions)
    Console.note("feeding \(Console.grouped(work.events)) events in \(work.span / 1_000) s to \(topic.options.brokers)")
    let feeder = TopicFeeder(work, try BenchTopic.pacedProducer(topic.options, topic: topic.name))
    let (cpu, startedAt) = (server.process.cpuNanoseconds, monotonicMilliseconds())
    feeder.start()
    // Behind: since the call that appended the oldest record that answers do not have. Said: by the answers themselves.
    var (behind, said, resident) = ([Int64](), [Int64](), [Int64]())
    var due = startedAt
    let progress = Progress(now: startedAt)
    while !feeder.status.isDone {
      due += KafkaLiveBench.sampleMilliseconds
      Thread.sleep(forTimeInterval: Double(max(0, due - monotonicMilliseconds())) / 1_000)
      let offsets = try server.offsets()
      behind.append(feeder.behind(offsets, now: monotonicMilliseconds()))
      if let freshness = try server.freshnessMilliseconds() { said.append(freshness) }
      resident.append(server.process.residentBytes)
      let fed = feeder.status.submitted
      progress.update(now: monotonicMilliseconds(), done: fed, total: Int64(work.events), count: fed, noun: "events")
    }
    progress.end()
    let fed = feeder.status
    if let failure = fed.failure { throw failure }
    let span = max(1, monotonicMilliseconds() - startedAt)
    let used = server.process.cpuNanoseconds - cpu
    try server.waitUntilCounted(fed.submitted)
    try AnswerCheck(program).checkLedger(try server.ledger(), read: facts.read, counted: facts.counted)
    report.figures = [
      ("seconds", DecimalText.format(Int128(span), scale: 3)),
      ("events_per_second", "\(Int(fed.submitted) * 1_000 / Int(span))"),
      ("samples", "\(behind.count)"),
    ]
    for (name, values) in [("behind_ms", behind.sorted()), ("said_freshness_ms", said.sorted())] where !values.isEmpty {
      report.figures += [
        ("\(name)_p50", "\(values[values.count / 2])"), ("\(name)_p99", "\(values[values.count * 99 / 100])"),
        ("\(name)_max", "\(values.last!)"),
      ]
    }
    report.figures += [
      ("serving_cores", DecimalText.format(Int128(used / span) / 1_000, scale: 3)),
      ("serving_cpu_us_per_event", DecimalText.format(Int128(used / max(1, fed.submitted)), scale: 3)),
      ("feeder_behind_ms", "\(fed.behindMilliseconds)"),
    ]
    report.courses = [("resident_bytes", (1...10).map { resident[max(0, resident.count * $0 / 10 - 1)] })]
  }
}

/// `millrace serve` as a process, asked over HTTP.
private struct LiveServer {
  let process: ChildProcess
  private let url: String
  private let errors: String

  init(_ program: BenchProgram, _ arguments: Arguments) throws(Failure) {
    errors = program.scratch.path("serve.err")
    var words = ["serve", program.scratch.path("kafka.yaml"), "--config", program.scratch.path("config.yaml")]
    words += ["--listen", "127.0.0.1:0"]
    for name in ["threads", "memory"] {
      if let value = arguments.text(name) { words += ["--\(name)", value] }
    }
    process = try program.start(words, output: program.scratch.path("serve.out"), errors: errors)
    var found: Substring?
    while found == nil, process.isRunning {
      Thread.sleep(forTimeInterval: 0.02)
      let text = (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
      found = text.split(separator: "\n").first { $0.contains(" on http://") }
    }
    guard let found else {
      let said = (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
      _ = process.wait()
      throw .unavailable("'millrace serve' ended: \(said)")
    }
    url = "http://" + found.split(separator: "http://").last!
  }

  private func partitions() throws(Failure) -> [[String: Any]] {
    let answer = LiveServer.object(try ServerAnswer.get(url, "/topologies", []))
    let topology = (answer["topologies"] as? [[String: Any]])?.first
    let partitions = topology?["partitions"] as? [[String: Any]] ?? []
    for partition in partitions where partition["state"] as? String == "stopped" {
      throw .unavailable("partition \(partition["partition"] ?? "?") stopped: \(partition["message"] ?? "")")
    }
    return partitions
  }

  private static func object(_ text: String) -> [String: Any] {
    (try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]) ?? [:]
  }

  /// What the committed states stand for, by partition.
  func offsets() throws(Failure) -> [Int64] { try partitions().map { Int64($0["offset"] as? Int ?? 0) } }

  func freshnessMilliseconds() throws(Failure) -> Int64? {
    let answer = LiveServer.object(
      try ServerAnswer.get(
        url, "/query", [("view", "traffic"), ("metric", "events"), ("granularity", "day")]))
    guard let text = answer["complete_until"] as? String, let until = Timestamp(text) else { return nil }
    return wallMilliseconds() - until.milliseconds
  }

  func ledger() throws(Failure) -> [String: Any] {
    var sums: [String: Any] = [:]
    for name in ["read", "counted", "duplicates", "late", "quarantined", "collisions"] {
      sums[name] = try partitions().reduce(0) { $0 + ($1[name] as? Int ?? 0) }
    }
    return sums
  }

  func waitUntilAssigned(_ count: Int) throws(Failure) {
    try wait("the group has not given all partitions") { () throws(Failure) in
      let here = try partitions().filter { $0["state"] as? String == "running" }
      return here.count == count
    }
  }

  func waitUntilCounted(_ count: Int64) throws(Failure) {
    try wait("not everything that was appended is counted") { () throws(Failure) in try offsets().reduce(0, +) >= count
    }
  }

  private func wait(_ what: String, _ isSo: () throws(Failure) -> Bool) throws(Failure) {
    let deadline = monotonicMilliseconds() + 120_000
    while try !isSo() {
      guard process.isRunning, monotonicMilliseconds() < deadline else {
        throw .unavailable("within two minutes: \(what)")
      }
      Thread.sleep(forTimeInterval: 0.05)
    }
  }
}

/// Makes lines and appends them in groups, each when its time has come.
private final class TopicFeeder: Sendable {
  struct Status {
    var submitted: Int64 = 0
    /// The most it was behind its own pace.
    var behindMilliseconds: Int64 = 0
    var isDone = false
    var failure: Failure?
    /// When each group was appended, and how many records each partition had then.
    var groups: [(at: Int64, ends: [Int64])] = []
    /// By partition, the first group whose records answers were not seen to have.
    var waiting: [Int]
  }

  private static let tickMilliseconds: Int64 = 50

  private let work: BenchWork
  private let producer: KafkaProducer
  private let state: Mutex<Status>

  init(_ work: BenchWork, _ producer: KafkaProducer) {
    self.work = work
    self.producer = producer
    state = Mutex(Status(waiting: Array(repeating: 0, count: work.partitions)))
  }

  var status: Status { state.withLock { $0 } }

  /// Milliseconds since the oldest record that is in none of the states was appended; 0 when all are in.
  func behind(_ offsets: [Int64], now: Int64) -> Int64 {
    state.withLock { state in
      var most: Int64 = 0
      for (partition, offset) in offsets.enumerated() {
        while state.waiting[partition] < state.groups.count,
          state.groups[state.waiting[partition]].ends[partition] <= offset
        { state.waiting[partition] += 1 }
        guard state.waiting[partition] < state.groups.count else { continue }
        most = max(most, now - state.groups[state.waiting[partition]].at)
      }
      return most
    }
  }

  func start() {
    let thread = Thread { [self] in
      do throws(Failure) { try feed() } catch { state.withLock { $0.failure = error } }
      producer.close(milliseconds: 30_000)
      state.withLock { $0.isDone = true }
    }
    thread.name = "feeder"
    thread.start()
  }

  private func feed() throws(Failure) {
    let lines = try WorkLines(work)
    let startedAt = monotonicMilliseconds()
    var ends = [Int64](repeating: 0, count: work.partitions)
    var records = KafkaRecords()
    var hasLine = lines.next()
    var tick: Int64 = 0
    while hasLine {
      tick += 1
      let wanted = startedAt + tick * TopicFeeder.tickMilliseconds
      let now = monotonicMilliseconds()
      if now < wanted { Thread.sleep(forTimeInterval: Double(wanted - now) / 1_000) }
      let time = work.start + tick * TopicFeeder.tickMilliseconds
      records.removeAll()
      while hasLine, lines.logTime < time {
        records.add(user: lines.key, value: lines.bytes)
        ends[Int((murmur2(lines.key) & 0x7fff_ffff) % UInt32(work.partitions))] += 1
        hasLine = lines.next()
      }
      guard records.count > 0 else { continue }
      let (at, count, all) = (monotonicMilliseconds(), Int64(records.count), ends)
      try producer.submit(records) { [self] failure in
        if let failure { state.withLock { $0.failure = $0.failure ?? failure } }
      }
      state.withLock { state in
        state.submitted += count
        state.groups.append((at, all))
        state.behindMilliseconds = max(state.behindMilliseconds, at - wanted)
      }
    }
  }
}
