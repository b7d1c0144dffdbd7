import Basics
import Logs
import Runtime

/// History in files, into the embedded log.
enum ImportFiles {
  static let syntax = CommandSyntax(
    verb: "import", positional: ["FILE..."],
    summary: "Append NDJSON files to the embedded log, stamped with their own times; goes on after a kill.",
    options: [
      .value("topic", "NAME", "topic of the log (default events)"),
      .value("horizon", "DURATION", "how far behind a record may be before it is late (default 72h)"),
      .flag("allow-late", "append records that will be late, to be listed as such"),
      .flag("json", "one JSON object on standard output"),
    ] + Place.options,
    examples: ["millrace import 2025.ndjson.zst 2026.ndjson.zst --data /tmp/web"])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    _ = try arguments.required(0, "FILE", verb: "import")
    let place = try Place(arguments)
    let data = try place.openData(create: true)
    let log = try place.openLog(topic: arguments.text("topic") ?? "events", readOnly: false)
    for line in log.recovered { Console.note(line) }
    let startedAt = monotonicMilliseconds()
    let progress = Progress(now: startedAt)
    let task = Import(
      log, paths: arguments.positional, horizon: try arguments.duration("horizon") ?? 72 * Timestamp.hour,
      allowLate: arguments.has("allow-late"))
    let result = try task.run { done, total, records in
      progress.update(now: monotonicMilliseconds(), done: done, total: total, count: records, noun: "records")
    }
    progress.end()
    let milliseconds = max(1, monotonicMilliseconds() - startedAt)
    withExtendedLifetime(data) {}
    warnOfFuture(log)
    if arguments.has("json") {
      var json = JSONText()
      json.object { json in
        json.field("appended", result.appended)
        json.field("resumed_after", result.resumedAfter)
        json.field("already_imported", result.wasDone)
        json.field("seconds", number: DecimalText.format(Int128(milliseconds), scale: 3))
      }
      Console.print(json.text)
    } else if result.wasDone {
      Console.print("these files were imported before: nothing was appended")
    } else {
      if result.resumedAfter > 0 {
        Console.print("went on behind \(Console.grouped(result.resumedAfter)) records of an interrupted import")
      }
      Console.print(
        "appended \(Console.grouped(result.appended)) records in \(DecimalText.format(Int128(milliseconds), scale: 3)) s"
      )
    }
    return 0
  }

  /// A stamp is never before the one before it, so one record of the year 2039 would make all that is live late until then.
  private static func warnOfFuture(_ log: SegmentLog) {
    let now = wallMilliseconds()
    let partitions = (0..<log.partitionCount).filter { (log.lastStamp(partition: $0) ?? .min) > now + Timestamp.day }
    guard let newest = partitions.compactMap({ log.lastStamp(partition: $0) }).max() else { return }
    Console.warn(
      "the newest record is dated \(Timestamp(milliseconds: newest)), which is \((newest - now) / Timestamp.day) days ahead of "
        + "this machine's clock: stamps never fall, so in partition \(partitions.map(String.init).joined(separator: ", ")) "
        + "events that arrive live before then, less the horizon, will be late. If that date is a mistake, take the record "
        + "out of the file and import it into a new log")
  }
}
