import Basics
import Events
import Glibc
import Logs
import Runtime
import Workload

/// Makes up a realistic click-stream: to standard output, files, straight into the embedded log, or to a server.
enum Generate {
  static let syntax = CommandSyntax(
    verb: "generate",
    summary: "Make up a seeded click-stream of a web shop: NDJSON, into the embedded log, or to a server.",
    options: [
      .value("events", "N", "lines in all (default 100000)"),
      .value("users", "N", "people (default: a tenth of the events, at least 100)"),
      .value("seed", "N", "equal seeds and options make equal bytes (default 1)"),
      .value("start", "TIME", "nothing happened before (default: --end minus --days)"),
      .value("end", "TIME", "the last events arrive just before (default 2026-03-08; with --log: now)"),
      .value("days", "N", "the span when --start is not given (default 7)"),
      .value("bytes", "N", "mean size of a line (default 1000)"),
      .value("duplicates", "SHARE", "share of lines that are resends (default 0.02)"),
      .value("late", "SHARE", "share that arrives over 2 minutes late (default 0.03)"),
      .value("very-late", "SHARE", "share that arrives up to 20 hours late (default 0.001)"),
      .value("hostile", "SHARE", "share of lines nobody can use (default 0)"),
      .flag("uniform", "every event is of another person, all equally often"),
      .value("output", "FILE", "one file instead of standard output"),
      .value("keyed", "PREFIX", "one file per partition: PREFIX-0.ndjson, PREFIX-1.ndjson, ..."),
      .value("partitions", "N", "with --keyed: how many (default 4)"),
      .flag("log", "append to the embedded log of the data directory"),
      .value("topic", "NAME", "with --log: topic of the log (default events)"),
      .flag("json", "one JSON object on standard output; not when the lines go there"),
    ] + httpOptions + Place.options,
    examples: [
      "millrace generate --events 1000000 --output /tmp/events.ndjson",
      "millrace generate --events 50000 --log --data /tmp/web",
      "millrace generate --events 50000 --http http://127.0.0.1:8080 --rate 5000 --acknowledged /tmp/ids",
    ])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let targets =
      ["output", "keyed", "http"].filter { arguments.text($0) != nil } + (arguments.has("log") ? ["log"] : [])
    guard targets.count <= 1 else {
      throw .invalid("choose one of \(targets.map { "--\($0)" }.joined(separator: ", "))")
    }
    if targets == ["http"] { return try overHTTP(arguments) }
    let options = try options(arguments)
    let startedAt = monotonicMilliseconds()
    let lines: Int64
    switch targets.first {
    case "log": lines = try intoLog(arguments, options, startedAt)
    case "keyed":
      let partitions = try arguments.integer("partitions", in: 1...1_024) ?? 4
      let prefix = arguments.text("keyed")!
      lines = try intoFiles((0..<partitions).map { "\(prefix)-\($0).ndjson" }, options, startedAt)
    case "output": lines = try intoFiles([arguments.text("output")!], options, startedAt)
    default: lines = try intoFiles(["-"], options, startedAt)
    }
    guard !targets.isEmpty else { return 0 }
    let milliseconds = max(1, monotonicMilliseconds() - startedAt)
    if arguments.has("json") {
      var json = JSONText()
      json.object { json in
        json.field("events", lines)
        json.field("seconds", number: DecimalText.format(Int128(milliseconds), scale: 3))
      }
      Console.print(json.text)
    } else {
      Console.print("made \(Console.grouped(lines)) lines in \(DecimalText.format(Int128(milliseconds), scale: 3)) s")
    }
    return 0
  }

  static func options(_ arguments: Arguments) throws(Failure) -> WorkloadOptions {
    let events = try arguments.integer("events", in: 0...Int.max) ?? 100_000
    let days = Int64(try arguments.integer("days", in: 1...3_650) ?? 7)
    let end = try arguments.time("end") ?? (arguments.has("log") ? wallMilliseconds() : 1_772_928_000_000)
    var workload = WorkloadOptions(
      seed: UInt64(try arguments.integer("seed", in: 0...Int.max) ?? 1), events: events,
      users: try arguments.integer("users", in: 1...100_000_000) ?? max(100, events / 10),
      start: try arguments.time("start") ?? end - days * Timestamp.day, end: end,
      recordBytes: try arguments.integer("bytes", in: 250...60_000) ?? 1_000,
      duplicateShare: try share("duplicates", arguments) ?? 0.02, lateShare: try share("late", arguments) ?? 0.03,
      veryLateShare: try share("very-late", arguments) ?? 0.001, hostileShare: try share("hostile", arguments) ?? 0)
    workload.isUniform = arguments.has("uniform")
    return workload
  }

  private static func share(_ name: String, _ arguments: Arguments) throws(Failure) -> Double? {
    guard let text = arguments.text(name) else { return nil }
    guard let share = Double(text), share >= 0, share <= 1 else {
      throw .invalid("--\(name) takes a share from 0 to 1, not '\(text)'")
    }
    return share
  }

  /// One file, or one per partition by murmur2 of the user.
  private static func intoFiles(
    _ paths: [String], _ options: WorkloadOptions, _ startedAt: Int64
  ) throws(Failure) -> Int64 {
    let workload = try Workload(options)
    var files: [Int32] = []
    for path in paths {
      let file = path == "-" ? 1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
      guard file >= 0 else { throw .invalid("cannot create \(path): \(String(cString: strerror(errno)))") }
      files.append(file)
    }
    defer { for file in files where file != 1 { close(file) } }
    let outputs = paths.map { _ in Output() }
    let progress = Progress(now: startedAt)
    var line = ByteWriter(capacity: 4_096)
    var lines: Int64 = 0
    while let made = workload.next(into: &line) {
      var partition = 0
      if paths.count > 1 {
        let key = UnsafeRawBufferPointer(rebasing: line.bytes[made.key])
        partition = key.isEmpty ? 0 : Int((murmur2(key) & 0x7fff_ffff) % UInt32(paths.count))
      }
      line.byte(UInt8(ascii: "\n"))
      outputs[partition].bytes.raw(line.bytes)
      line.clear()
      if outputs[partition].bytes.count > 1 << 20 {
        try outputs[partition].flush(to: files[partition], paths[partition])
      }
      lines += 1
      if lines % 8_192 == 0 {
        progress.update(
          now: monotonicMilliseconds(), done: lines, total: Int64(options.events), count: lines, noun: "lines")
      }
    }
    for (index, output) in outputs.enumerated() { try output.flush(to: files[index], paths[index]) }
    progress.end()
    return lines
  }

  private final class Output {
    var bytes = ByteWriter(capacity: 2 << 20)

    func flush(to file: Int32, _ path: String) throws(Failure) {
      if file == 1 {
        Console.write(1, bytes.bytes)
      } else {
        var written = 0
        while written < bytes.count {
          let count = Glibc.write(file, bytes.bytes.baseAddress! + written, bytes.count - written)
          if count < 0, errno == EINTR { continue }
          guard count >= 0 else { throw .unavailable("cannot write \(path): \(String(cString: strerror(errno)))") }
          written += count
        }
      }
      bytes.clear()
    }
  }

  private static func intoLog(
    _ arguments: Arguments, _ options: WorkloadOptions, _ startedAt: Int64
  ) throws(Failure) -> Int64 {
    let place = try Place(arguments)
    let data = try place.openData(create: true)
    let log = try place.openLog(topic: arguments.text("topic") ?? "events", readOnly: false)
    let lines = try append(options, to: log, startedAt)
    withExtendedLifetime(data) {}
    return lines
  }

  /// Appends a workload to a log as it would have arrived: stamped with the time each line reaches the log.
  static func append(_ options: WorkloadOptions, to log: SegmentLog, _ startedAt: Int64) throws(Failure) -> Int64 {
    if let files = try Import.unfinished(log) {
      throw .invalid("an import of \(files.joined(separator: " ")) was interrupted: run it again to finish it first")
    }
    let workload = try Workload(options)
    let appender = LogAppender(log)
    let progress = Progress(now: startedAt)
    var line = ByteWriter(capacity: 4_096)
    while let made = workload.next(into: &line) {
      let key = UnsafeRawBufferPointer(rebasing: line.bytes[made.key])
      let partition = key.isEmpty ? 0 : Int((murmur2(key) & 0x7fff_ffff) % UInt32(log.partitionCount))
      let stamp = appender.stamp(made.logTime, partition: partition)
      try appender.append(line.bytes, stamp: stamp, partition: partition)
      line.clear()
      if appender.appended % 8_192 == 0 {
        progress.update(
          now: monotonicMilliseconds(), done: appender.appended, total: Int64(options.events), count: appender.appended,
          noun: "lines")
      }
    }
    try appender.finish()
    progress.end()
    return appender.appended
  }
}
