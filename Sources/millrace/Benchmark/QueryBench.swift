import Basics
import Bench
import Foundation
import Runtime
import Synchronization

/// Dashboards at work: many clients ask a served topology of months while events arrive, each its next question as soon as it
/// has the answer to the last.
///
/// Server, clients and the sender of events are processes of their own. Every answer must be there; at the end a server that was
/// started anew, which can have kept nothing, must give the same ones.
struct QueryBench {
  private let arguments: Arguments
  private let scratch: BenchScratch
  private let program: BenchProgram
  private let events: Int
  private let users: Int
  private let days: Int64
  private let clients: Int
  private let rate: Int
  private let milliseconds: Int64

  init(_ arguments: Arguments, _ scratch: BenchScratch) throws(Failure) {
    self.arguments = arguments
    self.scratch = scratch
    program = BenchProgram(scratch)
    events = try arguments.integer("events", in: 1...1_000_000_000) ?? 20_000_000
    users = try arguments.integer("users", in: 1...99_999_999) ?? max(100, events / 20)
    days = Int64(try arguments.integer("days", in: 14...110) ?? 90)
    clients = try arguments.integer("clients", in: 1...256) ?? 16
    rate = try arguments.integer("rate", in: 1...1_000_000) ?? 10_000
    milliseconds = try arguments.duration("duration") ?? Timestamp.minute
    if arguments.text("runs") != nil { throw .invalid("'bench queries' runs once: --duration says how long") }
  }

  func run() throws(Failure) -> BenchReport {
    try prepare()
    let today = Timestamp.floor(wallMilliseconds(), to: Timestamp.day)
    let shapes = QueryShapes(end: today + Timestamp.day, days: days)
    var report = BenchReport(
      what: .queries,
      work: [
        ("events", "\(events)"), ("users", "\(users)"), ("days", "\(days)"), ("clients", "\(clients)"),
        ("rate", "\(rate)"),
        ("shapes", "\(shapes.queries.count)"),
      ] + BenchReport.options(arguments))
    var server = try start()
    defer { server.kill() }
    // The first question of all, to a server that has just been started.
    let first = try server.ask(shapes.queries[2].target)
    report.figures += [
      ("ready_ms", "\(server.readyMilliseconds)"), ("first_query_ms", QueryBench.milliseconds(first.microseconds)),
    ]
    var funnels: [Int64] = []
    for _ in 0..<15 {
      funnels.append(try server.ask(shapes.funnel.target).microseconds)
      // Not the answer that was just given to somebody else.
      Thread.sleep(forTimeInterval: 0.3)
    }
    report.figures += [
      ("funnel_first_ms", QueryBench.milliseconds(funnels[0])),
      ("funnel_ms", QueryBench.milliseconds(funnels.suffix(9).sorted()[4])),
    ]
    try storm(server, shapes, &report)

    try server.waitUntilCaughtUp()
    var before: [[UInt8]] = []
    for shape in shapes.queries + [shapes.funnel] { before.append(try server.data(shape.target)) }
    server.kill()
    server = try start()
    for (index, shape) in (shapes.queries + [shapes.funnel]).enumerated() {
      guard try server.data(shape.target) == before[index] else {
        throw .corrupt("'\(shape.name)' has another answer after a restart: \(shape.target)")
      }
      report.rowsChecked += before[index].split(separator: UInt8(ascii: "{")).count
    }
    return report
  }

  /// The events in the log and the state made of them, once.
  private func prepare() throws(Failure) {
    try BenchProgram.write(QueryShapes.topology, to: topology)
    let mark = "\(scratch.work)/prepared"
    let words = "\(events) \(users) \(days)"
    if (try? String(contentsOfFile: mark, encoding: .utf8)) == words { return }
    try? FileManager.default.removeItem(atPath: data)
    Console.note("making \(Console.grouped(events)) events of \(days) days, and the state of them")
    let made = ["generate", "--events", "\(events)", "--users", "\(users)", "--days", "\(days)", "--bytes", "400"]
    try program.run(made + ["--log", "--data", data], output: scratch.path("generate.out"))
    try program.run(["run", topology, "--data", data, "--json"], output: scratch.path("run.out"))
    try BenchProgram.write(words, to: mark)
  }

  private var topology: String { "\(scratch.work)/queries.yaml" }
  private var data: String { "\(scratch.work)/data" }

  private func start() throws(Failure) -> QueryServer {
    var words = ["serve", topology, "--data", data, "--listen", "127.0.0.1:0"]
    for name in ["threads", "memory"] {
      if let value = arguments.text(name) { words += ["--\(name)", value] }
    }
    return try QueryServer(program, words)
  }

  private func storm(_ server: QueryServer, _ shapes: QueryShapes, _ report: inout BenchReport) throws(Failure) {
    let feeder = try program.start(
      ["generate", "--http", server.url, "--rate", "\(rate)", "--events", "\(rate * Int(milliseconds) / 1_000)"]
        + ["--users", "\(users)", "--seed", "2", "--json"], output: scratch.path("feed.out"))
    let (cpu, startedAt) = (server.process.cpuNanoseconds, monotonicMilliseconds())
    let storm = QueryStorm(server.address, shapes.queries, clients: clients, until: startedAt + milliseconds)
    let outcome = try storm.run()
    let span = max(1, monotonicMilliseconds() - startedAt)
    let used = server.process.cpuNanoseconds - cpu
    let fed = feeder.wait()
    try program.check(fed, ["generate", "--http"])
    report.figures += [
      ("queries", "\(outcome.count)"), ("queries_per_second", "\(Int64(outcome.count) * 1_000 / span)"),
      ("serving_cores", DecimalText.format(Int128(used / span) / 1_000, scale: 3)),
    ]
    for (name, times) in [("server", outcome.server), ("client", outcome.client)] {
      for (part, thousandths) in [("p50", 500), ("p95", 950), ("p99", 990), ("max", 1_000)] {
        let at = min(times.count - 1, times.count * thousandths / 1_000)
        report.figures.append(("\(name)_\(part)_ms", QueryBench.milliseconds(times[at])))
      }
    }
    report.figures += [("bytes_answered_mean", "\(outcome.bytes / max(1, outcome.count))")]
    for (name, time) in outcome.slowest { Console.note("\(QueryBench.milliseconds(time)) ms at p95: \(name)") }
  }

  static func milliseconds(_ microseconds: Int64) -> String { DecimalText.format(Int128(microseconds), scale: 3) }
}

/// `millrace serve` as a process, asked over HTTP.
private struct QueryServer {
  let process: ChildProcess
  let url: String
  let address: LoadAddress
  /// From the start of the process until it said that it is ready.
  let readyMilliseconds: Int64

  init(_ program: BenchProgram, _ words: [String]) throws(Failure) {
    let startedAt = monotonicMilliseconds()
    let errors = program.scratch.path("serve.err")
    process = try program.start(words, output: program.scratch.path("serve.out"), errors: errors)
    var found: Substring?
    while found == nil, process.isRunning {
      Thread.sleep(forTimeInterval: 0.005)
      let text = (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
      found = text.split(separator: "\n").first { $0.contains(" on http://") }
    }
    guard let found else {
      let said = (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
      _ = process.wait()
      throw .unavailable("'millrace serve' ended: \(said)")
    }
    url = "http://" + found.split(separator: "http://").last!
    address = try LoadAddress(url)
    while try HTTPReady.status(address) != 200 {
      guard process.isRunning else { throw .unavailable("'millrace serve' ended before it was ready") }
      Thread.sleep(forTimeInterval: 0.005)
    }
    readyMilliseconds = monotonicMilliseconds() - startedAt
  }

  func ask(_ target: String) throws(Failure) -> (microseconds: Int64, body: [UInt8]) {
    let connection = LoadConnection(address, key: nil)
    let startedAt = LoadSender.microseconds()
    guard let answer = connection.get(target) else { throw .unavailable("no answer to \(target)") }
    guard answer.status == 200 else {
      throw .unavailable("\(answer.status) for \(target): \(String(decoding: answer.body, as: UTF8.self))")
    }
    return (LoadSender.microseconds() - startedAt, answer.body)
  }

  /// The rows of an answer, without what it says of its time.
  func data(_ target: String) throws(Failure) -> [UInt8] {
    let body = try ask(target).body
    let object = (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:]
    let rows: [String: Any] = object.filter { ["data", "steps", "breakdown"].contains($0.key) }
    let bytes = try? JSONSerialization.data(withJSONObject: rows, options: [.sortedKeys])
    return Array(bytes ?? Data())
  }

  /// Until everything in the log is in the answers.
  func waitUntilCaughtUp() throws(Failure) {
    let deadline = monotonicMilliseconds() + 60_000
    while true {
      let answer = try ask("/topologies").body
      let object = (try? JSONSerialization.jsonObject(with: Data(answer))) as? [String: Any]
      let topology = (object?["topologies"] as? [[String: Any]])?.first
      let partitions = topology?["partitions"] as? [[String: Any]] ?? []
      if !partitions.isEmpty, partitions.allSatisfy({ ($0["lag"] as? Int) == 0 }) { return }
      guard monotonicMilliseconds() < deadline else {
        throw .unavailable("a minute after the last event not all are counted: \(partitions)")
      }
      Thread.sleep(forTimeInterval: 0.05)
    }
  }

  /// As a crash would; nothing that was acknowledged is lost by it.
  func kill() {
    process.signal(SIGKILL)
    _ = process.wait()
  }
}

private enum HTTPReady {
  static func status(_ address: LoadAddress) throws(Failure) -> Int {
    LoadConnection(address, key: nil).get("/readyz")?.status ?? 0
  }
}

/// Clients that each ask as soon as they were answered.
private final class QueryStorm: Sendable {
  struct Outcome {
    var count = 0
    var bytes = 0
    /// Microseconds, ascending.
    var server: [Int64] = []
    var client: [Int64] = []
    /// At the 95th of 100, by shape; the slowest five.
    var slowest: [(name: String, microseconds: Int64)] = []
  }

  private struct Sample {
    var shape: Int
    var client: Int64
    var server: Int64
    var bytes: Int
  }

  private let address: LoadAddress
  private let shapes: [QueryShapes.Shape]
  private let clients: Int
  private let until: Int64
  private let samples = Mutex<[Sample]>([])
  private let failure = Mutex<Failure?>(nil)

  init(_ address: LoadAddress, _ shapes: [QueryShapes.Shape], clients: Int, until: Int64) {
    self.address = address
    self.shapes = shapes
    self.clients = clients
    self.until = until
  }

  func run() throws(Failure) -> Outcome {
    let group = DispatchGroup()
    for client in 0..<clients {
      group.enter()
      let thread = Thread { [self] in
        do throws(Failure) { try ask(client) } catch { failure.withLock { $0 = $0 ?? error } }
        group.leave()
      }
      thread.name = "client \(client)"
      thread.start()
    }
    group.wait()
    if let failure = failure.withLock({ $0 }) { throw failure }
    let all = samples.withLock { $0 }
    guard !all.isEmpty else { throw .unavailable("no question was answered") }
    var outcome = Outcome(count: all.count, bytes: all.reduce(0) { $0 + $1.bytes })
    outcome.server = all.map(\.server).sorted()
    outcome.client = all.map(\.client).sorted()
    let byShape = shapes.indices.map { shape -> (String, Int64) in
      let times = all.filter { $0.shape == shape }.map(\.server).sorted()
      return (shapes[shape].name, times.isEmpty ? 0 : times[min(times.count - 1, times.count * 95 / 100)])
    }
    outcome.slowest = byShape.sorted { $0.1 > $1.1 }.prefix(5).map { ($0.0, $0.1) }
    return outcome
  }

  private func ask(_ client: Int) throws(Failure) {
    let connection = LoadConnection(address, key: nil)
    var own: [Sample] = []
    // Every client goes through all shapes, each in an order of its own.
    var turn = client * 7
    let stride = [1, 3, 7, 9, 11, 13, 17, 19][client % 8]
    while monotonicMilliseconds() < until, failure.withLock({ $0 == nil }) {
      turn += stride
      let shape = turn % shapes.count
      let startedAt = LoadSender.microseconds()
      guard let answer = connection.get(shapes[shape].target) else {
        throw .unavailable("no answer to \(shapes[shape].target)")
      }
      guard answer.status == 200, let server = answer.serverMicroseconds else {
        throw .unavailable(
          "\(answer.status) for \(shapes[shape].target): \(String(decoding: answer.body.prefix(300), as: UTF8.self))")
      }
      own.append(
        Sample(
          shape: shape, client: LoadSender.microseconds() - startedAt, server: server, bytes: answer.body.count))
    }
    samples.withLock { $0 += own }
  }
}
