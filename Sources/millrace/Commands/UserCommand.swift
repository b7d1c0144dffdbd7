import Basics
import Dataflow
import Runtime
import Service

/// One user's timeline: the same answer as `GET /users/{id}`.
enum UserCommand {
  static let syntax = CommandSyntax(
    verb: "user", positional: ["ID"],
    summary: "Print what the state remembers of one user: sessions, and steps of funnels.",
    options: [
      .value("topology", "NAME", "which topology, when there are several"),
      .flag("json", "one JSON object on standard output, the same as the server's"), ServerAnswer.option,
      Place.memoryOption,
    ] + Place.options,
    examples: ["millrace user u-42 --data /tmp/web"])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let user = try arguments.required(0, "ID", verb: "user")
    let items: [(name: String, value: String)] = arguments.text("topology").map { [("topology", $0)] } ?? []
    let parameters = try UserParameters(items, user: user)
    if let server = arguments.text("server") {
      Console.print(try ServerAnswer.get(server, "/users/\(HTTPClient.escaped(user))", items))
      return 0
    }
    let reading = try Place(arguments).openTopology(arguments, view: nil).reading()
    guard let timeline = try reading.answers.user(parameters.user) else {
      throw .invalid("no event of user '\(user)' has been counted in topology '\(reading.topology.name)'")
    }
    if arguments.has("json") {
      Console.print(UserAnswerText.user(reading, user, timeline))
    } else {
      show(timeline)
      Query.show(reading)
    }
    return 0
  }

  private static func show(_ timeline: UserTimeline) {
    if let sessions = timeline.sessions {
      let fields = sessions.first?.attributes.map(\.field) ?? []
      Console.table(
        ["session", "until", "events"] + fields,
        sessions.map { session in
          [
            Timestamp(milliseconds: session.start).description, Timestamp(milliseconds: session.end).description,
            Console.grouped(session.events),
          ] + session.attributes.map { $0.value.isEmpty ? "-" : Query.printable($0.value) }
        }, right: [2])
      show(timeline.sessionsCompleteFrom, "sessions")
    } else {
      Console.print(Console.dim("no view is of sessions, so none are kept"))
    }
    for funnel in timeline.funnels {
      Console.print("")
      Console.print(Console.bold("\(funnel.view): \(funnel.level) of \(funnel.stepCount) steps"))
      Console.table(
        ["time", "step", ""],
        funnel.steps.map { step in
          [
            Timestamp(milliseconds: step.time).description, "\(step.number) \(Query.printable(step.name))",
            step.value.map(Query.printable) ?? "",
          ]
        })
      show(funnel.completeFrom, "steps")
    }
  }

  private static func show(_ from: Int64?, _ what: String) {
    guard let from else { return }
    Console.print(Console.dim("\(what) before \(Timestamp(milliseconds: from)) are no longer remembered"))
  }
}
