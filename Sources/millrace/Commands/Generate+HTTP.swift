import Basics
import Foundation
import Glibc
import Runtime
import Workload

extension Generate {
  static let httpOptions: [CommandSyntax.Option] = [
    .value("http", "URL", "send to a server until it says that all is in its log; MILLRACE_KEY is the API key"),
    .value("rate", "N", "with --http: events per second (default: as fast as they are taken)"),
    .value("batch", "N", "with --http: events of a body (default 450)"),
    .value("connections", "N", "with --http: at once (default 4)"),
    .value("acknowledged", "FILE", "with --http: the ids of all that the server said to have, one per line"),
    .value("patience", "DURATION", "with --http: how long a batch is tried (default 60s)"),
    .flag("prepared", "with --http: make all bodies first, so that the time is the server's"),
  ]

  /// Sends a workload as it would arrive now.
  static func overHTTP(_ arguments: Arguments) throws(Failure) -> Int32 {
    let address = try LoadAddress(arguments.text("http")!)
    let rate = try arguments.integer("rate", in: 1...10_000_000)
    let size = try arguments.integer("batch", in: 1...500) ?? 450
    let connections = try arguments.integer("connections", in: 1...256) ?? 4
    let workload = try Workload(try httpWorkload(arguments, rate: rate))
    var list: Int32?
    if let path = arguments.text("acknowledged") {
      list = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
      guard list! >= 0 else { throw .invalid("cannot create \(path): \(String(cString: strerror(errno)))") }
    }
    defer { if let list { close(list) } }
    let sender = LoadSender(
      address, key: ProcessInfo.processInfo.environment["MILLRACE_KEY"],
      connections: connections, patienceMilliseconds: try arguments.duration("patience") ?? 60_000, list: list)
    let maker = BatchMaker(workload, size: size)
    var prepared: [LoadBatch] = []
    if arguments.has("prepared") { while let batch = maker.next() { prepared.append(batch) } }
    let (cpu, startedAt) = (cpuMilliseconds(), LoadSender.microseconds())
    sender.start()
    var made: Int64 = 0
    var index = 0
    while let batch = arguments.has("prepared") ? (index < prepared.count ? prepared[index] : nil) : maker.next() {
      if let rate {
        let due = startedAt + made * 1_000_000 / Int64(rate)
        let early = due - LoadSender.microseconds()
        if early > 0 { usleep(UInt32(early)) }
      }
      made += Int64(batch.ids.count)
      sender.add(batch)
      index += 1
    }
    var outcome = sender.finish()
    let microseconds = max(1, LoadSender.microseconds() - startedAt)
    outcome.latencies.sort()
    say(outcome, made, microseconds, cpuMilliseconds() - cpu, isJSON: arguments.has("json"))
    if let problem = outcome.problem { Console.error("a batch was refused: \(problem)") }
    return outcome.failed == 0 ? 0 : 2
  }

  /// Events of now: of the time that sending takes, or of the hour before when nobody knows how long that is.
  private static func httpWorkload(_ arguments: Arguments, rate: Int?) throws(Failure) -> WorkloadOptions {
    var options = try options(arguments)
    if arguments.text("start") == nil, arguments.text("days") == nil, arguments.text("end") == nil {
      let now = wallMilliseconds()
      options.end = rate.map { now + max(1_000, Int64(options.events) * 1_000 / Int64($0)) } ?? now
      options.start = rate == nil ? now - Timestamp.hour : now
    }
    return options
  }

  private static func say(
    _ outcome: LoadSender.Outcome, _ made: Int64, _ microseconds: Int64, _ cpuMilliseconds: Int64, isJSON: Bool
  ) {
    let rate = outcome.acknowledged * 1_000_000 / microseconds
    func quantile(_ share: Double) -> String {
      let index = Int(Double(outcome.latencies.count) * share)
      return DecimalText.format(
        Int128(outcome.latencies.isEmpty ? 0 : outcome.latencies[min(index, outcome.latencies.count - 1)]), scale: 3)
    }
    let seconds = DecimalText.format(Int128(microseconds / 1_000), scale: 3)
    let cpu = DecimalText.format(Int128(cpuMilliseconds), scale: 3)
    guard isJSON else {
      Console.print(
        "\(Console.grouped(outcome.acknowledged)) of \(Console.grouped(made)) events acknowledged in \(seconds) s "
          + "(\(Console.grouped(rate)) per second), \(outcome.refused) refused, \(outcome.failed) failed")
      Console.print(
        "acknowledged after \(quantile(0.5)) ms (half), \(quantile(0.99)) ms (99 of 100), \(quantile(1)) ms (all); sent "
          + "again after 429 \(outcome.answers429), 503 \(outcome.answers503), no answer \(outcome.unanswered); \(cpu) s of "
          + "processor time here")
      return
    }
    var json = JSONText()
    json.object { json in
      json.field("events", made)
      json.field("acknowledged", outcome.acknowledged)
      json.field("refused", outcome.refused)
      json.field("failed", outcome.failed)
      json.field("batches", outcome.batches)
      json.field("seconds", number: seconds)
      json.field("events_per_second", rate)
      json.field("answers_429", outcome.answers429)
      json.field("answers_503", outcome.answers503)
      json.field("unanswered", outcome.unanswered)
      json.field("p50_ms", number: quantile(0.5))
      json.field("p99_ms", number: quantile(0.99))
      json.field("max_ms", number: quantile(1))
      json.field("cpu_seconds", number: cpu)
    }
    Console.print(json.text)
  }

  /// Of this process.
  private static func cpuMilliseconds() -> Int64 {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return (Int64(usage.ru_utime.tv_sec) + Int64(usage.ru_stime.tv_sec)) * 1_000
      + (Int64(usage.ru_utime.tv_usec) + Int64(usage.ru_stime.tv_usec)) / 1_000
  }

  /// A workload in bodies.
  private final class BatchMaker {
    private let workload: Workload
    private let size: Int
    private var line = ByteWriter(capacity: 4_096)
    private var isLineWaiting = false

    init(_ workload: Workload, size: Int) {
      self.workload = workload
      self.size = size
    }

    func next() -> LoadBatch? {
      var batch = LoadBatch()
      while batch.ids.count < size {
        if !isLineWaiting {
          line.clear()
          guard workload.next(into: &line) != nil else { break }
          isLineWaiting = true
        }
        guard batch.add(line.bytes) else { break }
        isLineWaiting = false
      }
      guard !batch.ids.isEmpty else { return nil }
      batch.close()
      return batch
    }
  }
}
