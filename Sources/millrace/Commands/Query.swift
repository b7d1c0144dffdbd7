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
      .value("granularity", "GRAIN", "minute, hour (default), day, week or month"),
      .value("group-by", "D,...", "dimensions that rows keep"),
      .value("where", "EXPR", "condition on dimensions: \"geo.country = 'DE'\""),
      .value("event-type", "NAME", "only this event type"),
      .value("timezone", "ZONE", "IANA zone of the rows"),
      .value("fill", "zero", "rows for buckets of the range that hold nothing, too"),
      .value("order", "ORDER", "time (default), value or -value (largest first)"),
      .value("top", "K", "only the K groups with the largest values over the range"),
      .flag("other", "with --top: the groups that are not among them as one"),
      .value("compare-to", "previous_period", "the values of the period before, too"),
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
    ("fill", "fill"), ("order", "order"), ("top", "top"), ("compare-to", "compare_to"), ("limit", "limit"),
    ("cursor", "cursor"), ("topology", "topology"),
  ]

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    var items: [(name: String, value: String)] = []
    if let view = arguments.positional.first { items.append(("view", view)) }
    for (option, parameter) in parameters {
      if let value = arguments.text(option) { items.append((parameter, value)) }
    }
    if arguments.has("other") { items.append(("other", "true")) }
    if let server = arguments.text("server") {
      guard Console.outputIsTerminal, !arguments.has("json") else {
        Console.print(try ServerAnswer.get(server, "/query", items))
        return 0
      }
      let answer = try ServerAnswer.whole(server, "/query", items + [("format", "csv")])
      QueryTable(csv: String(decoding: answer.bytes, as: UTF8.self)).show()
      if answer.headers["millrace-next-cursor"] != nil { Console.print(more) }
      show(answer.headers)
      return 0
    }
    let parameters = try QueryParameters(items)
    let reading = try Place(arguments).openTopology(arguments, view: parameters.view).reading()
    let standing = reading.standing
    let name = AnswerName(standing, parameters.question)
    let (limit, cursor) = try parameters.page()
    guard cursor?.isOf(name) ?? true else {
      throw .invalid("--cursor: the numbers have changed since, or it is of another question: ask anew")
    }
    let answer = try reading.answers.query(try parameters.request(of: reading.topology))
    let page = QueryPage(answer, name: name, offset: cursor?.offset ?? 0, limit: limit)
    if arguments.has("json") {
      Console.print(QueryText.json(standing, page))
    } else {
      QueryTable(page).show()
      if page.next != nil { Console.print(more) }
      show(reading)
    }
    return 0
  }

  private static let more = Console.dim("... and more: raise --limit")

  private static func show(_ headers: [String: String]) {
    if let until = headers["millrace-complete-until"] {
      Console.print(Console.dim("complete until \(until), generation \(headers["millrace-generation"] ?? "-")"))
    }
    if let missing = headers["millrace-partial"] { Console.warn("not up to date: partition \(missing)") }
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
