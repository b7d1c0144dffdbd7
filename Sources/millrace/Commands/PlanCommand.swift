import Basics
import Dataflow
import Runtime
import Service

/// What deploying a file would mean.
enum PlanCommand {
  static let syntax = CommandSyntax(
    verb: "plan", positional: ["TOPOLOGY.yaml"],
    summary: "Say what a changed topology means and what rebuilding it costs. Nothing runs.",
    options: [
      Deploy.fromOption, .flag("json", "one JSON object on standard output"), ServerWork.option,
      Place.memoryOption,
    ] + Place.options,
    examples: ["millrace plan topologies/web.yaml --data /tmp/live"])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let file = try Place.loadTopology(try arguments.required(0, "TOPOLOGY.yaml", verb: "plan"))
    let text: String
    if let server = ServerWork(arguments) {
      text = try server.ask(
        "POST", ServerWork.path(file.topology.name, "plan"), ServerWork.items(arguments, values: ["from"]),
        body: file.text
      ).text
    } else {
      let place = try Place(arguments)
      let data = try place.openData(create: false)
      let input = try Deploy.input(place, data, file.topology)
      text = PlanText.json(try DeploymentPlan(data, file, input, start: try Deploy.start(arguments)))
    }
    if arguments.has("json") { Console.print(text) } else { try PlanDocument(json: text).show(arguments.positional[0]) }
    return 0
  }
}
