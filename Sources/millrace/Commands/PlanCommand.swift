import Basics
import Dataflow
import Runtime

/// What deploying a file would mean.
enum PlanCommand {
  static let syntax = CommandSyntax(
    verb: "plan", positional: ["TOPOLOGY.yaml"],
    summary: "Say what a changed topology means and what rebuilding it costs. Nothing runs.",
    options: [
      Deploy.fromOption, .flag("json", "one JSON object on standard output"), Place.memoryOption,
    ] + Place.options,
    examples: ["millrace plan topologies/web.yaml --data /tmp/live"])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let file = try Place.loadTopology(try arguments.required(0, "TOPOLOGY.yaml", verb: "plan"))
    let place = try Place(arguments)
    let data = try place.openData(create: false)
    let input = try Deploy.input(place, data, file.topology)
    let plan = try DeploymentPlan(data, file, input, start: try Deploy.start(arguments))
    if arguments.has("json") { Console.print(json(plan)) } else { show(plan, arguments.positional[0]) }
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
    if plan.starts.allSatisfy({ $0 == 0 }) {
      lines.append("The replay starts at the beginning of the log, offset 0 in all \(plan.starts.count) partitions.")
    } else {
      lines.append("The replay starts, by partition, at offset \(starts.joined(separator: ", ")).")
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

  private static func json(_ plan: DeploymentPlan) -> String {
    var json = JSONText()
    json.object { json in
      json.field("topology", plan.topology)
      json.field("live", plan.live)
      json.field("next", plan.next)
      json.field("begun", plan.isBegun)
      json.field("changes", plan.next != nil)
      json.field("semantics_changed", plan.semanticsChanged)
      json.key("settings")
      reasons(plan.change.settings, &json)
      json.key("views")
      json.array { json in
        for view in plan.change.views {
          json.object { json in
            json.field("view", view.name)
            json.field("change", view.kind.rawValue)
            json.key("because")
            reasons(view.reasons, &json)
          }
        }
      }
      json.key("starts")
      json.array { json in
        for (start, stamp) in zip(plan.starts, plan.startStamps) {
          json.object { json in
            json.field("offset", start)
            json.field("stamp", stamp.map { Timestamp(milliseconds: $0).description })
          }
        }
      }
      json.field("exact_from", plan.exactFrom.map { Timestamp(milliseconds: $0).description })
      json.field("events", plan.records)
      json.field("bytes", plan.bytes)
      json.field(
        "estimated_seconds", number: plan.estimatedMilliseconds.map { DecimalText.format(Int128($0), scale: 3) })
      json.key("measured")
      if let measured = plan.measured {
        json.object { json in
          json.field("generation", measured.generation)
          json.field("events", measured.speed.records)
          json.field("seconds", number: DecimalText.format(Int128(measured.speed.milliseconds), scale: 3))
          json.field("events_per_second", measured.speed.recordsPerSecond)
          json.field("threads", measured.speed.threads)
        }
      } else {
        json.null()
      }
    }
    return json.text
  }

  private static func reasons(_ reasons: [TopologyChange.Reason], _ json: inout JSONText) {
    json.array { json in
      for reason in reasons {
        json.object { json in
          json.field("key", reason.key)
          json.field("from", reason.from)
          json.field("to", reason.to)
          json.field("line", reason.line)
        }
      }
    }
  }
}
