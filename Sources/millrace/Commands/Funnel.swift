import Basics
import Dataflow
import Runtime
import Service

/// How far users came: the same answer as `GET /funnels/{view}/results`.
enum Funnel {
  static let syntax = CommandSyntax(
    verb: "funnel", positional: ["VIEW"],
    summary: "Print how many users completed each step of a funnel.",
    options: [
      .value("start", "TIME", "entries from here; a quarter hour"),
      .value("end", "TIME", "entries before; later steps may come after it"),
      .flag("by", "break down by the funnel's own dimension"),
      .value("topology", "NAME", "which topology, when there are several with that view"),
      .flag("json", "one JSON object on standard output, the same as the server's"), ServerAnswer.option,
      Place.memoryOption,
    ] + Place.options,
    examples: ["millrace funnel checkout --start 2026-03-01 --end 2026-03-08 --by --data /tmp/web"])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let view = try arguments.required(0, "VIEW", verb: "funnel")
    var items: [(name: String, value: String)] = []
    for (option, parameter) in [("start", "start_time"), ("end", "end_time"), ("topology", "topology")] {
      if let value = arguments.text(option) { items.append((parameter, value)) }
    }
    if arguments.has("by") { items.append(("by", "true")) }
    let parameters = try FunnelParameters(items)
    if let server = arguments.text("server") {
      Console.print(try ServerAnswer.get(server, "/funnels/\(HTTPClient.escaped(view))/results", items))
      return 0
    }
    let reading = try Place(arguments).openTopology(arguments, view: view).reading()
    let answer = try reading.answers.funnel(
      view: view, start: parameters.start, end: parameters.end, by: parameters.by)
    if arguments.has("json") { Console.print(AnswerText.funnel(reading, answer)) } else { show(reading, answer) }
    return 0
  }

  private static func show(_ reading: Reading, _ answer: FunnelAnswer) {
    show(answer.steps)
    for (value, steps) in answer.breakdown ?? [] {
      Console.print("")
      Console.table(
        header, rows(steps, name: value.isEmpty ? "(missing)" : Query.printable(value)), right: [1, 2, 3, 4])
    }
    Query.show(reading)
  }

  static func show(_ steps: [FunnelAnswer.Step]) { Console.table(header, rows(steps, name: nil), right: [1, 2, 3, 4]) }

  private static let header = ["step", "entered", "completed", "rate", "median s", ""]

  private static func rows(_ steps: [FunnelAnswer.Step], name: String?) -> [[String]] {
    let most = max(1, steps.first?.completed ?? 1)
    return (name.map { [[$0, "", "", "", "", ""]] } ?? [])
      + steps.map { step in
        [
          Query.printable(step.name), Console.grouped(step.entered), Console.grouped(step.completed),
          step.conversionRate ?? "-", step.medianSeconds ?? "-",
          String(repeating: "█", count: Int(step.completed * 30 / most)),
        ]
      }
  }
}
