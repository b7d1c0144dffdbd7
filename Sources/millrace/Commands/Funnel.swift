import Basics
import Dataflow
import Runtime
import Service

/// How far users came: the same answer as `GET /funnels/{view}/results`, or of a funnel that no topology declares.
enum Funnel {
  static let syntax = CommandSyntax(
    verb: "funnel", positional: ["VIEW"],
    summary: "Print how many users completed each step of a funnel: a declared one, or one made up here (--steps).",
    options: [
      .value("start", "TIME", "entries from here; a quarter hour"),
      .value("end", "TIME", "entries before; later steps may come after it"),
      .flag("by", "break down by the funnel's own dimension; with --steps, by the field that follows"),
      .value("limit", "N", "values of the breakdown at the most, those with most users first"),
      .value("trend", "day|week", "also what the entries of each day or week came to"),
      .value("timezone", "ZONE", "IANA zone of the trend's days, and of --start and --end that are dates"),
      .flag("histogram", "also the times between steps"),
      .values("steps", "STEP", "event types, a,b,c or a word each; \"purchase where properties.amount > 100\""),
      .value("within", "DURATION", "with --steps: from the first step to the last (default 24h)"),
      .value("where", "EXPR", "with --steps: only events for which this holds"),
      .flag("strict", "with --steps: each step later than the one before, not merely not earlier"),
      .values("input", "FILE", "with --steps: NDJSON files instead of a log"),
      .flag("keyed", "with --input: each file is one partition and holds whole users"),
      .value("partitions", "N", "with --input: partitions the users are spread over (default 4)"), Place.threadsOption,
      .value("topology", "NAME", "which topology, when there are several with that view"),
      .flag("json", "one JSON object on standard output, the same as the server's"), ServerAnswer.option,
      Place.memoryOption,
    ] + Place.options,
    examples: [
      "millrace funnel checkout --start 2026-03-01 --end 2026-03-08 --by --trend day --data /tmp/web",
      "millrace funnel --steps view_product,add_to_cart,purchase --within 24h --by geo.country --data /tmp/web",
      "millrace funnel --steps view_product purchase --input events.ndjson.zst",
    ])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    if arguments.list("steps") != nil { return try FunnelQuestionCommand(arguments).run() }
    for option in ["within", "where", "input", "partitions", "threads"]
    where arguments.text(option) != nil || arguments.list(option) != nil {
      throw .invalid("--\(option) goes with --steps: what is declared says itself what it is made of")
    }
    for flag in ["strict", "keyed"] where arguments.has(flag) { throw .invalid("--\(flag) goes with --steps") }
    let view = try arguments.required(0, "VIEW", verb: "funnel")
    let items = items(arguments)
    let parameters = try FunnelParameters(items)
    if let server = arguments.text("server") {
      Console.print(try ServerAnswer.get(server, "/funnels/\(HTTPClient.escaped(view))/results", items))
      return 0
    }
    let reading = try Place(arguments).openTopology(arguments, view: view).reading()
    let answer = try reading.answers.funnel(parameters.request(of: view))
    if arguments.has("json") {
      Console.print(AnswerText.funnel(reading, answer, histogram: parameters.histogram))
    } else {
      FunnelDisplay(answer, histogram: parameters.histogram).show()
      Query.show(reading)
    }
    return 0
  }

  /// Options as the server's parameters.
  private static func items(_ arguments: Arguments) -> [(name: String, value: String)] {
    var items: [(name: String, value: String)] = []
    for (option, parameter) in [
      ("start", "start_time"), ("end", "end_time"), ("topology", "topology"), ("limit", "limit"), ("trend", "trend"),
      ("timezone", "timezone"),
    ] {
      if let value = arguments.text(option) { items.append((parameter, value)) }
    }
    for flag in ["by", "histogram"] where arguments.has(flag) { items.append((flag, "true")) }
    return items
  }
}
