import Basics
import Runtime

extension API {
  func topologies() throws(Failure) -> Response {
    var generations: [String: [Generations.Listed]] = [:]
    for served in node.served { generations[served.name] = try served.generations.all() }
    var json = JSONText()
    json.object { json in
      json.key("topologies")
      json.array { json in
        for topology in node.topologies {
          json.raw(
            StatusText.topology(
              topology.generation, statuses(topology), stateBytes: topology.stateBytes, topology.brokers,
              generations: generations[topology.generation.topology.name]))
        }
      }
    }
    return .json(json.text)
  }

  /// 200 once every topology has reached the end that its log had at the start; until then, what is behind. Stopped partitions
  /// do not make it wait: answers name them, and so does this.
  func ready() -> Response {
    guard node.isReady else {
      return .problem(503, "the log is still being read", [Response.retrySoon]) { json in
        json.key("missing")
        json.array { json in list(&json) { $0.failure == nil && $0.lag != 0 } }
      }
    }
    var json = JSONText()
    json.object { json in
      json.field("status", "ready")
      json.key("stopped")
      json.array { json in list(&json) { $0.failure != nil } }
    }
    return .json(json.text)
  }

  private func list(_ json: inout JSONText, _ isMeant: (PartitionStatus) -> Bool) {
    for topology in node.topologies {
      for status in statuses(topology) where isMeant(status) {
        json.object { json in
          json.field("topology", topology.generation.topology.name)
          json.field("partition", status.partition)
          json.field("offset", status.offset)
          json.field("end", status.endOffset)
          if let failure = status.failure { json.field("message", failure.message) }
        }
      }
    }
  }
}
