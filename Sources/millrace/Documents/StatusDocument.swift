import Basics

/// Topologies with their generations and partitions: `millrace status`.
struct StatusDocument: Document {
  struct Partition: Decodable {
    let partition: Int
    let state: String
    let message: String?
    let since: String?
    let offset: Int64
    let lag: Int64?
    let read: Int64
    let counted: Int64
    let duplicates: Int64
    let late: Int64
    let quarantined: Int64

    var text: String {
      switch state {
      case "stopped": "stopped: \(message ?? "")"
      case "elsewhere": "elsewhere since \(since ?? "")"
      default: "ok"
      }
    }
  }

  struct Generation: Decodable {
    let generation: Int
    let state: String
    let createdAt: String?
    let caughtUpAt: String?
    let liveSince: String?
    let exactFrom: String?
    let stateBytes: Int64

    enum CodingKeys: String, CodingKey {
      case generation, state
      case createdAt = "created_at"
      case caughtUpAt = "caught_up_at"
      case liveSince = "live_since"
      case exactFrom = "exact_from"
      case stateBytes = "state_bytes"
    }
  }

  struct Topology: Decodable {
    let name: String
    let generation: Int?
    let digest: String?
    let partitions: [Partition]?
    let stateBytes: Int64?
    let generations: [Generation]?
    /// Why this program cannot read what is served.
    let message: String?

    enum CodingKeys: String, CodingKey {
      case name, generation, digest, partitions, generations, message
      case stateBytes = "state_bytes"
    }
  }

  let topologies: [Topology]

  func show(only name: String? = nil) {
    for topology in topologies where name == nil || topology.name == name { show(topology) }
  }

  private func show(_ topology: Topology) {
    if let partitions = topology.partitions {
      Console.print(
        Console.bold(topology.name)
          + "  generation \(topology.generation ?? 0), digest \(topology.digest?.prefix(8) ?? "")"
          + ", state \(Console.size(topology.stateBytes ?? 0))")
      show(partitions)
    } else {
      Console.print("\(Console.bold(topology.name))  \(topology.message ?? "")\n")
    }
    if let generations = topology.generations, generations.count > 1 || topology.partitions == nil { show(generations) }
  }

  private func show(_ partitions: [Partition]) {
    // Only who reads the log knows where it ends.
    let knowsLag = partitions.contains { $0.lag != nil }
    let columns =
      ["partition", "offset"] + (knowsLag ? ["lag"] : []) + ["read", "counted", "duplicates", "late", "quarantined"]
    Console.table(
      columns + ["state"],
      partitions.map { partition in
        let lag = knowsLag ? [partition.lag.map { Console.grouped($0) } ?? "-"] : []
        return ["\(partition.partition)", Console.grouped(partition.offset)] + lag
          + [partition.read, partition.counted, partition.duplicates, partition.late, partition.quarantined]
          .map { Console.grouped($0) } + [partition.text]
      }, right: Set(columns.indices))
    Console.print("")
  }

  private func show(_ generations: [Generation]) {
    Console.table(
      ["generation", "state", "space", "made", "caught up", "served since", "exact from"],
      generations.map { generation in
        [
          "\(generation.generation)", generation.state.replacing("_", with: " "), Console.size(generation.stateBytes),
          generation.createdAt ?? "", generation.caughtUpAt ?? "", generation.liveSince ?? "",
          generation.exactFrom ?? "",
        ]
      }, right: [0, 2])
    Console.print("")
  }
}
