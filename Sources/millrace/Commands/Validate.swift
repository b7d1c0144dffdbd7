import Basics
import Dataflow

/// Checks topology files without running anything.
enum Validate {
  static let syntax = CommandSyntax(
    verb: "validate", positional: ["TOPOLOGY.yaml..."],
    summary: "Check topology files: all errors at once, each with its place and what was probably meant.",
    options: [.flag("json", "one JSON object on standard output")],
    examples: ["millrace validate topologies/*.yaml"])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    _ = try arguments.required(0, "TOPOLOGY.yaml", verb: "validate")
    var problems: [String] = []
    var topologies: [Topology] = []
    for path in arguments.positional {
      do throws(Failure) {
        let topology = try Topology.load(path: path)
        _ = try Plan(topology)
        topologies.append(topology)
        if !arguments.has("json") {
          Console.print("\(path): topology \(topology.name), \(topology.views.count) views, valid")
        }
      } catch {
        problems += error.message.split(separator: "\n").map(String.init)
      }
    }
    if arguments.has("json") {
      var json = JSONText()
      json.object { json in
        json.field("valid", problems.isEmpty)
        json.key("topologies")
        json.array { json in for topology in topologies { json.value(topology.name) } }
        json.key("problems")
        json.array { json in for problem in problems { json.value(problem) } }
      }
      Console.print(json.text)
    } else {
      for problem in problems { Console.write(2, "\(problem)\n") }
    }
    return problems.isEmpty ? 0 : 1
  }
}
