/// Looks at one part of a setup after the other and notes what it finds.
struct Examination {
  let setup: SetupDescription
  private(set) var findings: [Finding] = []

  init(_ setup: SetupDescription) { self.setup = setup }

  mutating func ok(_ check: Finding.Check, _ place: String, _ message: String) {
    findings.append(Finding(.ok, check, place, message))
  }

  mutating func skip(_ check: Finding.Check, _ place: String, _ message: String, fix: String? = nil) {
    findings.append(Finding(.skipped, check, place, message, fix: fix))
  }

  mutating func warn(_ check: Finding.Check, _ place: String, _ message: String, fix: String?) {
    findings.append(Finding(.warning, check, place, message, fix: fix))
  }

  mutating func fail(_ check: Finding.Check, _ place: String, _ message: String, fix: String?) {
    findings.append(Finding(.problem, check, place, message, fix: fix))
  }

  /// Stores that are open at the same time when all topologies run: one per partition of each.
  var storeCount: Int {
    setup.topologies.reduce(0) { $0 + partitionCount(of: $1) }
  }

  /// Partitions the topology has or will have.
  func partitionCount(of topology: SetupDescription.Topology) -> Int {
    if let generation = topology.generation, generation.partitionCount > 0 { return generation.partitionCount }
    switch setup.log {
    case .embedded(let logs):
      guard let log = logs.first(where: { $0.topic == topology.topic }) else { return 0 }
      return log.partitions.isEmpty ? log.configuredPartitions : log.partitions.count
    case .kafka(let kafka, _):
      return kafka.topics.first { $0.name == topology.topic }?.partitions.count ?? 0
    }
  }

  /// Topologies that read a topic, and neither files nor another log.
  func topologies(of topic: String) -> [SetupDescription.Topology] {
    setup.topologies.filter { $0.topic == topic && ($0.generation == nil || $0.generation?.origin == logOrigin) }
  }

  var logOrigin: SetupDescription.Origin {
    if case .kafka = setup.log { .kafka } else { .embedded }
  }
}
