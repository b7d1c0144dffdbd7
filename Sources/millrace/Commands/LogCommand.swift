import Basics
import Glibc
import Logs
import Runtime

/// Looks into the embedded log.
enum LogCommand {
  static let syntax = CommandSyntax(
    verb: "log", positional: ["stats|cat"],
    summary: "Show the embedded log's partitions and segments, or print its records.",
    options: [
      .value("topic", "NAME", "topic of the log (default events)"),
      .value("partition", "N", "cat: only this partition"),
      .value("from", "OFFSET", "cat: the first offset (default: the beginning)"),
      .value("limit", "N", "cat: records of a partition at the most"),
      .flag("json", "one JSON object on standard output (stats)"),
    ] + Place.options,
    examples: ["millrace log stats --data /tmp/web", "millrace log cat --data /tmp/web --partition 0 --limit 10"])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let action = try arguments.required(0, "stats or cat", verb: "log")
    let log = try Place(arguments).openLog(topic: arguments.text("topic") ?? "events", readOnly: true)
    switch action {
    case "stats": try stats(log, arguments)
    case "cat": try cat(log, arguments)
    default: throw .invalid("'millrace log' knows 'stats' and 'cat', not '\(action)'")
    }
    return 0
  }

  private static func stats(_ log: SegmentLog, _ arguments: Arguments) throws(Failure) {
    let segments = log.segments
    if arguments.has("json") {
      var ends: [Int64] = []
      for partition in 0..<log.partitionCount { ends.append(try log.endOffset(partition: partition)!) }
      var json = JSONText()
      json.object { json in
        json.field("topic", log.topic)
        json.field("bytes", log.byteCount)
        json.key("partitions")
        json.array { json in
          for partition in 0..<log.partitionCount {
            json.object { json in
              json.field("partition", partition)
              json.field("start", log.startOffset(partition: partition))
              json.field("end", ends[partition])
              json.field(
                "last_stamp", log.lastStamp(partition: partition).map { Timestamp(milliseconds: $0).description })
              json.field("segments", segments.count { $0.partition == partition })
              json.field("bytes", segments.reduce(0) { $0 + ($1.partition == partition ? $1.byteCount : 0) })
            }
          }
        }
      }
      Console.print(json.text)
      return
    }
    var rows: [[String]] = []
    for partition in 0..<log.partitionCount {
      let own = segments.filter { $0.partition == partition }
      let start = log.startOffset(partition: partition)
      let end = try log.endOffset(partition: partition)!
      rows.append([
        "\(partition)", Console.grouped(start), Console.grouped(end), Console.grouped(end - start),
        "\(own.count)", Console.size(own.reduce(0) { $0 + $1.byteCount }),
        log.lastStamp(partition: partition).map { Timestamp(milliseconds: $0).description } ?? "",
      ])
    }
    Console.table(
      ["partition", "start", "end", "records", "segments", "size", "last stamp"], rows, right: [0, 1, 2, 3, 4, 5])
  }

  private static func cat(_ log: SegmentLog, _ arguments: Arguments) throws(Failure) {
    let only = try arguments.integer("partition", in: 0...max(0, log.partitionCount - 1))
    let from = try arguments.integer("from", in: 0...Int.max)
    let limit = try arguments.integer("limit", in: 1...Int.max) ?? .max
    let slice = LogSlice()
    for partition in 0..<log.partitionCount where only == nil || only == partition {
      let reader = try log.reader(partition: partition, from: try log.startPosition(partition: partition))
      var printed = 0
      while printed < limit {
        try reader.read(into: slice, maxBytes: 1 << 20, maxRecords: 4_096)
        if slice.count == 0 { break }
        var output = ByteWriter(capacity: slice.byteCount + slice.count)
        for row in 0..<slice.count where printed < limit && slice.offsets[row] >= Int64(from ?? 0) {
          let range = slice.ranges[row]
          output.raw(UnsafeRawBufferPointer(start: slice.bytes + Int(range.offset), count: Int(range.length)))
          output.byte(UInt8(ascii: "\n"))
          printed += 1
        }
        Console.write(1, output.bytes)
      }
    }
  }
}
