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
    if let server = ServerWork(arguments) {
      // Only JSON, as what a server says of its status.
      Console.print(
        try server.ask(
          "POST", ServerWork.path(file.topology.name, "plan"), ServerWork.items(arguments, values: ["from"]),
          body: file.text
        ).text)
      return 0
    }
    let place = try Place(arguments)
    let data = try place.openData(create: false)
    let input = try Deploy.input(place, data, file.topology)
    let plan = try DeploymentPlan(data, file, input, start: try Deploy.start(arguments))
    if arguments.has("json") { Console.print(PlanText.json(plan)) } else { show(plan, arguments.positional[0]) }
    return 0
  }

  private static func show(_ plan: DeploymentPlan, _ path: String) {
    if let live = plan.live {
      Console.print("topology \(Console.bold(plan.topology)): \(path) against generation \(live), which is served")
    } else {
      Console.print("topology \(Console.bold(plan.topology)): nothing is served yet")
    }
    guard let next = plan.next else {
      Console.print("\nThe file means the same as what is served: nothing changes, 'millrace deploy' builds nothing.")
      return
    }
    if plan.semanticsChanged {
      Console.print(
        "\nThe file says the same; this program gives it another meaning than the one that built the state.")
    }
    if !plan.change.settings.isEmpty {
      Console.print("\nSettings that concern more than one view:")
      for reason in plan.change.settings { Console.print("  " + text(reason, path)) }
    }
    Console.print("\nViews:")
    for view in plan.change.views {
      let mark = ["added": Console.green("+"), "removed": Console.red("-"), "changed": Console.yellow("~")]
      Console.print("  \(mark[view.kind.rawValue] ?? " ") \(view.name)  \(view.kind.rawValue)")
      for reason in view.reasons { Console.print("      " + text(reason, path)) }
    }
    Console.print("\n" + cost(plan, next))
  }

  private static func text(_ reason: TopologyChange.Reason, _ path: String) -> String {
    let change =
      switch (reason.from, reason.to) {
      case (nil, let to?): "\(reason.key): new, \(to)"
      case (let from?, nil): "\(reason.key): removed, was \(from)"
      case (let from, let to): "\(reason.key): \(from ?? "") -> \(to ?? "")"
      }
    return change + (reason.line.map { "  (\(path):\($0))" } ?? "")
  }

  private static func cost(_ plan: DeploymentPlan, _ next: Int) -> String {
    var lines = [
      plan.isBegun
        ? "Generation \(next) of this meaning is begun already; 'millrace deploy' goes on with it."
        : "A generation is whole: generation \(next) rebuilds every view, also those that do not change."
    ]
    let starts = plan.starts.enumerated().map { partition, start in
      "\(partition): \(start)"
        + (plan.startStamps[partition].map { " (\(Timestamp(milliseconds: $0)))" } ?? "")
    }
    if plan.beginsWithCheckpoint, let checkpoint = plan.checkpoint {
      let offsets = checkpoint.offsets.enumerated().map { "\($0): \($1)" }.joined(separator: ", ")
      lines.append(
        "It begins with \(checkpoint.name), which means the same, and reads on, by partition, from offset \(offsets).")
    } else if plan.starts.allSatisfy({ $0 == 0 }) {
      lines.append("The replay starts at the beginning of the log, offset 0 in all \(plan.starts.count) partitions.")
    } else {
      lines.append("The replay starts, by partition, at offset \(starts.joined(separator: ", ")).")
    }
    if !plan.beginsWithCheckpoint, let checkpoint = plan.checkpoint {
      let events = plan.recordsAfterCheckpoint.map { " \(Console.grouped($0)) events" } ?? " what came after"
      lines.append("Of the same meaning there is \(checkpoint.name): with '--from checkpoint' it reads\(events) only.")
    }
    if let exact = plan.exactFrom {
      lines.append(
        "The log no longer holds what was before: buckets are exact from \(Timestamp(milliseconds: exact)) on.")
    }
    let size = plan.bytes.map { ", \(Console.size($0)) as stored" } ?? ""
    lines.append(
      plan.records.map { "It reads \(Console.grouped($0)) events\(size)." }
        ?? "How many events\(size): reading will tell.")
    if let measured = plan.measured {
      let of =
        "generation \(measured.generation) was built at \(Console.grouped(measured.speed.recordsPerSecond)) events/s "
        + "(\(Console.grouped(measured.speed.records)) events, \(measured.speed.threads) threads)"
      if let estimate = plan.estimatedMilliseconds {
        lines.append("Estimated time: \(duration(estimate)), since \(of).")
      } else {
        lines.append("No estimate of the time without the number of events; \(of).")
      }
    } else {
      lines.append("No estimate of the time: nothing has been measured yet.")
    }
    return lines.joined(separator: "\n")
  }

  private static func duration(_ milliseconds: Int64) -> String {
    let seconds = (milliseconds + 999) / 1_000
    return seconds < 120 ? "\(seconds) s" : "\(seconds / 60) min \(seconds % 60) s"
  }
}
