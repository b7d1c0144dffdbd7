import Basics

/// How the building of a generation goes in a server: `GET /replays/{id}`.
struct ReplayDocument: Document {
  let id: String
  let topology: String
  let generation: Int
  /// `stopped`, with a message, or that of the generation.
  let state: String
  let isHeld: Bool
  /// As soon as it is caught up.
  let isToBeServed: Bool
  let message: String?
  let events: Int64
  let total: Int64
  let perSecond: Int64?
  let secondsLeft: Int64?

  enum CodingKeys: String, CodingKey {
    case id, topology, generation, state, message, events
    case isHeld = "held_up"
    case isToBeServed = "promote_when_caught_up"
    case total = "events_total"
    case perSecond = "events_per_second"
    case secondsLeft = "eta_seconds"
  }

  /// One line.
  var progress: String {
    let percent = total == 0 ? 100 : events * 100 / total
    var parts = ["\(Console.bar(done: events, total: total)) \(percent) %  \(Console.grouped(events)) events"]
    if state == "building" {
      if let perSecond { parts.append("\(Console.grouped(perSecond))/s") }
      if isHeld {
        parts.append("waits for what is served to catch up")
      } else if let secondsLeft {
        parts.append("\(Console.duration(seconds: secondsLeft)) left")
      }
    }
    return parts.joined(separator: ", ")
  }

  /// What can be done about it.
  var advice: String {
    switch state {
    case "building": "'millrace replay pause \(id)' or 'millrace replay cancel \(id)', or let it go on"
    case "paused": "'millrace replay resume \(id)' goes on with it"
    case "stopped": "\(message ?? "nobody knows why"); 'millrace replay resume \(id)' goes on once that is mended"
    case "caught_up":
      "'millrace diff \(topology)' says what is different; 'millrace promote \(topology) \(generation)' serves it"
    case "cancelled": "'millrace drop \(topology) \(generation)' frees its space"
    default: "it was built"
    }
  }
}

struct ReplaysDocument: Document {
  let replays: [ReplayDocument]

  func show() {
    guard !replays.isEmpty else { return }
    Console.print(Console.bold("being built"))
    for replay in replays {
      Console.print("\(replay.id)  \(replay.state.replacing("_", with: " "))  \(replay.progress)\n  \(replay.advice)")
    }
    Console.print("")
  }
}
