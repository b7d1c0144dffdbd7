import Basics
import Runtime

/// What was read and not counted, and why.
enum Quarantine {
  static let syntax = CommandSyntax(
    verb: "quarantine", positional: ["list"],
    summary: "List records that could not be used, or came too late: reason, place and first bytes.",
    options: [
      .value("limit", "N", "records at the most (default 100)"),
      .value("reason", "CODE", "only this reason: invalid_json, late, ..."),
      .value("topology", "NAME", "which topology, when the directory holds several"),
      .flag("json", "one JSON object on standard output"),
    ] + Place.options,
    examples: ["millrace quarantine list --data /tmp/web --reason invalid_json"])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let action = try arguments.required(0, "list", verb: "quarantine")
    guard action == "list" else { throw .invalid("'millrace quarantine' knows 'list', not '\(action)'") }
    let limit = try arguments.integer("limit", in: 1...1_000_000) ?? 100
    let reason = arguments.text("reason")
    let offline = try Place(arguments).openTopology(arguments, view: nil)
    var records: [RejectedRecord] = []
    var isMore = false
    try offline.rejected { record in
      if let reason, record.reason != reason { return true }
      guard records.count < limit else {
        isMore = true
        return false
      }
      records.append(record)
      return true
    }
    if arguments.has("json") { Console.print(json(records, isMore)) } else { show(records, isMore) }
    return 0
  }

  private static func json(_ records: [RejectedRecord], _ isMore: Bool) -> String {
    var json = JSONText()
    json.object { json in
      json.key("records")
      json.array { json in
        for record in records {
          json.object { json in
            json.field("partition", record.partition)
            json.field("offset", record.offset)
            json.field("reason", record.reason)
            json.field("message", record.message)
            json.field("length", record.length)
            json.field("appended_at", record.stamp.map { Timestamp(milliseconds: $0).description })
            json.field("bytes", String(decoding: record.bytes, as: UTF8.self))
          }
        }
      }
      json.field("more", isMore)
    }
    return json.text
  }

  private static func show(_ records: [RejectedRecord], _ isMore: Bool) {
    if records.isEmpty {
      Console.print("nothing is in quarantine")
      return
    }
    Console.table(
      ["partition", "offset", "reason", "bytes", "what is wrong"],
      records.map {
        [
          "\($0.partition)", "\($0.offset)", $0.reason, "\($0.length)",
          "\($0.message)  \(Console.dim(excerpt($0.bytes)))",
        ]
      }, right: [0, 1, 3])
    if isMore { Console.print("... and more: raise --limit") }
  }

  /// The first characters, printable whatever the bytes are.
  private static func excerpt(_ bytes: [UInt8]) -> String {
    let text = String(decoding: bytes.prefix(60), as: UTF8.self)
    return String(
      text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f || $0.value == 0x9b ? "·" : Character($0) })
  }
}
