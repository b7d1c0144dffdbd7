import Basics

/// What deploying a file would mean: `millrace plan`.
struct PlanDocument: Document {
  struct Reason: Decodable {
    let key: String
    let from: String?
    let to: String?
    let line: Int?

    func text(_ path: String) -> String {
      let change =
        switch (from, to) {
        case (nil, let to?): "\(key): new, \(to)"
        case (let from?, nil): "\(key): removed, was \(from)"
        case (let from, let to): "\(key): \(from ?? "") -> \(to ?? "")"
        }
      return change + (line.map { "  (\(path):\($0))" } ?? "")
    }
  }

  struct View: Decodable {
    let view: String
    let change: String
    let because: [Reason]
  }

  struct Start: Decodable {
    let offset: Int64
    let stamp: String?
  }

  /// Of the same meaning, which it may begin with.
  struct Checkpoint: Decodable {
    let generation: Int
    let checkpoint: Int
    let offsets: [Int64]
    /// What is to be read after it.
    let events: Int64?
    let used: Bool

    var name: String { "checkpoint \(checkpoint) of generation \(generation)" }
  }

  struct Measured: Decodable {
    let generation: Int
    let events: Int64
    let speed: Int64
    let threads: Int

    enum CodingKeys: String, CodingKey {
      case generation, events, threads
      case speed = "events_per_second"
    }
  }

  let topology: String
  let live: Int?
  let next: Int?
  let isBegun: Bool
  let semanticsChanged: Bool
  let settings: [Reason]
  let views: [View]
  let starts: [Start]
  let checkpoint: Checkpoint?
  let exactFrom: String?
  let events: Int64?
  let bytes: Int64?
  let estimatedSeconds: Double?
  let measured: Measured?

  enum CodingKeys: String, CodingKey {
    case topology, live, next, settings, views, starts, checkpoint, events, bytes, measured
    case isBegun = "begun"
    case semanticsChanged = "semantics_changed"
    case exactFrom = "exact_from"
    case estimatedSeconds = "estimated_seconds"
  }

  /// - `path`: of the file, as it was named.
  func show(_ path: String) {
    if let live {
      Console.print("topology \(Console.bold(topology)): \(path) against generation \(live), which is served")
    } else {
      Console.print("topology \(Console.bold(topology)): nothing is served yet")
    }
    guard let next else {
      Console.print("\nThe file means the same as what is served: nothing changes, 'millrace deploy' builds nothing.")
      return
    }
    if semanticsChanged {
      Console.print(
        "\nThe file says the same; this program gives it another meaning than the one that built the state.")
    }
    if !settings.isEmpty {
      Console.print("\nSettings that concern more than one view:")
      for reason in settings { Console.print("  " + reason.text(path)) }
    }
    Console.print("\nViews:")
    for view in views {
      let mark = ["added": Console.green("+"), "removed": Console.red("-"), "changed": Console.yellow("~")]
      Console.print("  \(mark[view.change] ?? " ") \(view.view)  \(view.change)")
      for reason in view.because { Console.print("      " + reason.text(path)) }
    }
    Console.print("\n" + cost(next))
  }

  private func cost(_ next: Int) -> String {
    var lines = [
      isBegun
        ? "Generation \(next) of this meaning is begun already; 'millrace deploy' goes on with it."
        : "A generation is whole: generation \(next) rebuilds every view, also those that do not change."
    ]
    let places = starts.enumerated().map { partition, start in
      "\(partition): \(start.offset)" + (start.stamp.map { " (\($0))" } ?? "")
    }
    if let checkpoint, checkpoint.used {
      let offsets = checkpoint.offsets.enumerated().map { "\($0): \($1)" }.joined(separator: ", ")
      lines.append(
        "It begins with \(checkpoint.name), which means the same, and reads on, by partition, from offset \(offsets).")
    } else if starts.allSatisfy({ $0.offset == 0 }) {
      lines.append("The replay starts at the beginning of the log, offset 0 in all \(starts.count) partitions.")
    } else {
      lines.append("The replay starts, by partition, at offset \(places.joined(separator: ", ")).")
    }
    if let checkpoint, !checkpoint.used {
      let more = checkpoint.events.map { " \(Console.grouped($0)) events" } ?? " what came after"
      lines.append("Of the same meaning there is \(checkpoint.name): with '--from checkpoint' it reads\(more) only.")
    }
    if let exactFrom {
      lines.append("The log no longer holds what was before: buckets are exact from \(exactFrom) on.")
    }
    let size = bytes.map { ", \(Console.size($0)) as stored" } ?? ""
    lines.append(
      events.map { "It reads \(Console.grouped($0)) events\(size)." } ?? "How many events\(size): reading will tell.")
    if let measured {
      let of =
        "generation \(measured.generation) was built at \(Console.grouped(measured.speed)) events/s "
        + "(\(Console.grouped(measured.events)) events, \(measured.threads) threads)"
      if let estimatedSeconds {
        lines.append("Estimated time: \(Console.duration(seconds: Int64(estimatedSeconds.rounded(.up)))), since \(of).")
      } else {
        lines.append("No estimate of the time without the number of events; \(of).")
      }
    } else {
      lines.append("No estimate of the time: nothing has been measured yet.")
    }
    return lines.joined(separator: "\n")
  }
}
