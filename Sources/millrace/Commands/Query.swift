import Basics
import Dataflow
import Runtime
import Service

/// One metric over time: the same answer as `GET /query`.
enum Query {
  static let syntax = CommandSyntax(
    verb: "query", positional: ["VIEW"],
    summary: "Print one metric of a view over time.",
    options: [
      .value("metric", "NAME", "which measure of the view"),
      .value("start", "TIME", "rows from here (2026-03-01 or 2026-03-01T12:00:00Z)"),
      .value("end", "TIME", "rows before"),
      .value("granularity", "GRAIN", "minute, hour (default) or day"),
      .value("group-by", "D,...", "dimensions that rows keep"),
      .value("where", "EXPR", "condition on dimensions: \"geo.country = 'DE'\""),
      .value("event-type", "NAME", "only this event type"),
      .value("timezone", "ZONE", "IANA zone of the rows"),
      .value("limit", "N", "rows at the most (default 10000)"),
      .value("cursor", "TEXT", "next_cursor of the answer before"),
      .value("topology", "NAME", "which topology, when there are several with that view"),
      .flag("json", "one JSON object on standard output, the same as GET /query"), ServerAnswer.option,
      Place.memoryOption,
    ] + Place.options,
    examples: [
      "millrace query traffic --metric events --granularity day --group-by geo.country --data /tmp/web"
    ])

  /// Option names and the parameters they are.
  private static let parameters = [
    ("metric", "metric"), ("start", "start_time"), ("end", "end_time"), ("granularity", "granularity"),
    ("group-by", "group_by"), ("where", "where"), ("event-type", "event_type"), ("timezone", "timezone"),
    ("limit", "limit"), ("cursor", "cursor"), ("topology", "topology"),
  ]

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    var items: [(name: String, value: String)] = []
    if let view = arguments.positional.first { items.append(("view", view)) }
    for (option, parameter) in parameters {
      if let value = arguments.text(option) { items.append((parameter, value)) }
    }
    if let server = arguments.text("server") {
      let answer = try ServerAnswer.get(server, "/query", items)
      Console.print(answer)
      return 0
    }
    let parameters = try QueryParameters(items)
    let reading = try Place(arguments).openTopology(arguments, view: parameters.view).reading()
    let answer = try reading.answers.query(try parameters.request(of: reading.topology))
    if arguments.has("json") {
      Console.print(AnswerText.query(reading, answer))
    } else {
      show(reading, answer, parameters)
    }
    return 0
  }

  private static func show(_ reading: Reading, _ answer: QueryAnswer, _ parameters: QueryParameters) {
    Console.table(
      ["time"] + answer.groupBy + [parameters.metric],
      answer.rows.map { row in
        [Timestamp(milliseconds: row.bucket).description] + row.dimensions.map { $0.isEmpty ? "-" : printable($0) }
          + [row.value.text ?? "-"]
      }, right: [answer.groupBy.count + 1])
    if answer.nextOffset != nil { Console.print(Console.dim("... and more: raise --limit")) }
    show(reading)
  }

  /// How fresh an answer is, and what is not in it.
  static func show(_ reading: Reading) {
    if let until = reading.completeUntil {
      Console.print(Console.dim("complete until \(Timestamp(milliseconds: until)), generation \(reading.generation)"))
    }
    for missing in reading.partial {
      Console.warn("partition \(missing.partition) is not up to date: \(missing.message)")
    }
  }

  /// Without what a terminal would obey.
  static func printable(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) ? "·" : $0 }))
  }
}
