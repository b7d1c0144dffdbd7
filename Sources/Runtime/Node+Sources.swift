import Basics
import Dataflow
import Logs
import Stores

/// What generations are built from and written to: the embedded log of all, or topics.
extension Node {
  /// The generation to serve and the log it follows: the first generation is made when there is none.
  static func open(
    _ data: DataDirectory, _ text: String, _ topology: Topology, _ source: Source, _ checkpoints: String?,
    _ report: @escaping @Sendable (String) -> Void
  ) throws(Failure) -> (Generation, any Log) {
    let wanted: Generation.Source
    switch source {
    case .embedded: wanted = .log
    case .kafka: wanted = .kafka(topic: topology.source.topic)
    }
    guard try data.currentGeneration(of: topology.name) != nil else {
      let log = try Node.log(source, topology)
      var starts = try log.starts()
      if let checkpoints {
        // States that others left may begin where the log no longer does.
        let shared = SharedCheckpoints(checkpoints, digest: Semantics.digest(of: topology), report: report)
        for partition in starts.indices {
          starts[partition] = min(starts[partition], shared.start(partition: partition) ?? .max)
        }
      }
      return (
        try Generation.create(data, topology: topology, text: text, source: wanted, starts: starts), log
      )
    }
    let generation = try Generation.load(data, topology: topology.name)
    guard generation.source == wanted else {
      throw .invalid(
        "\(generation.directory) was built from \(generation.source.name), not from \(wanted.name): use another --data to "
          + "serve '\(topology.name)'")
    }
    let topic = generation.topology.source.topic
    if case .embedded(let log) = source, topic != log.topic {
      throw .invalid(
        "topology '\(topology.name)' was built from topic '\(topic)' (\(generation.directory)/topology.yaml), not from "
          + "'\(log.topic)': go back to that topic, or build the other one in a new --data")
    }
    if generation.digest != Semantics.digest(of: topology) {
      report(
        "the file of topology '\(topology.name)' differs from generation \(generation.number): the frozen "
          + "\(generation.directory)/topology.yaml counts until a new generation is built")
    }
    return (generation, try Node.log(source, generation.topology))
  }

  /// Outputs are what the file says now, of what the generation holds: they change no number, so they may change any time.
  ///
  /// Only the generation that is served has them. One that is served from now on has none of its keys in the topics, so it
  /// first writes everything as it stands.
  static func sink(
    _ source: Source, _ wanted: Outputs, _ generation: Generation, _ report: @Sendable (String) -> Void
  ) throws(Failure) -> OutputSink? {
    guard !wanted.isEmpty else { return nil }
    let name = generation.topology.name
    guard case .kafka(let options) = source else {
      let targets = wanted.targets.map { "\($0) to \(wanted.topics[$0]!)" }.joined(separator: ", ")
      throw .invalid(
        "topology '\(name)' writes \(targets), and the configuration has no Kafka: set log.kafka, or remove its sinks")
    }
    // The file's own source is looked at when it is read; what is read is the frozen one's.
    let topic = generation.topology.source.topic
    if let target = wanted.targets.first(where: { wanted.topics[$0] == topic }) {
      throw .invalid(
        "topology '\(name)' writes \(target) to '\(topic)', from which generation \(generation.number) reads: name another topic"
      )
    }
    var outputs = wanted
    for target in wanted.targets where !Outputs.canWrite(target, of: generation.topology) {
      outputs.topics[target] = nil
      report("topology '\(name)': generation \(generation.number) holds no \(target), so its sink gets nothing")
    }
    guard !outputs.isEmpty else { return nil }
    return try OutputSink(options, outputs, of: generation, plan: try Plan(generation.topology))
  }

  private static func log(_ source: Source, _ topology: Topology) throws(Failure) -> any Log {
    switch source {
    case .embedded(let log): return log
    case .kafka(let options): return try connect(options, topology.source, group: group(options, topology))
    }
  }

  private static func connect(
    _ options: KafkaOptions, _ source: Topology.Source, group: String?, milliseconds: Int = 10_000
  ) throws(Failure) -> KafkaLog {
    let stamps = KafkaStamps(trustsHeader: source.trustStamps, trustsProducerTime: source.trustProducerTime)
    return try KafkaLog(options, topic: source.topic, stamps: stamps, group: group, milliseconds: milliseconds)
  }

  /// Instances of one meaning share a group, so the group's name says what they mean.
  private static func group(_ options: KafkaOptions, _ topology: Topology) -> String {
    "\(options.group).\(topology.name).\(Semantics.digest(of: topology))"
  }

  /// Opens generations beside the live one.
  static func opener(
    _ source: Source, _ budget: MemoryBudget, _ live: LiveTopology.Options, _ checkpoints: String?,
    _ report: @escaping @Sendable (String) -> Void
  ) -> @Sendable (Generation, Pace) throws(Failure) -> LiveTopology {
    { (generation, pace) throws(Failure) in
      var settings = live
      settings.partitionsInProcess *= 2
      settings.pace = pace
      settings.task.outputs = nil
      settings.topic = Node.access(source, generation, generation.topology.outputs, report)
      if settings.task.policy == .live {
        settings.task.policy = .replay
        settings.task.policyAtEnd = .live
      }
      settings.task.diskFactor = 4
      settings.checkpoints = checkpoints.map { SharedCheckpoints($0, digest: generation.digest, report: report) }
      let name = generation.topology.name
      let onStop: @Sendable (Int, Failure) -> Void = { partition, failure in
        report("topology \(name), generation \(generation.number), partition \(partition) stopped: \(failure.message)")
      }
      switch source {
      case .embedded(let log):
        return try LiveTopology(
          generation, budget: budget, options: settings, onStop: onStop, log: { (_) throws(Failure) in log })
      case .kafka:
        let opened = try LiveTopology(
          generation, memberOf: try settings.topic!.connect(false), budget: budget, options: settings, onStop: onStop)
        opened.followAlone()
        return opened
      }
    }
  }

  /// - `outputs`: what is written once the generation is served.
  static func access(
    _ source: Source, _ generation: Generation, _ outputs: Outputs, _ report: @escaping @Sendable (String) -> Void
  ) -> TopicAccess? {
    guard case .kafka(let options) = source else { return nil }
    let topology = generation.topology
    return TopicAccess(
      connect: { (asMember) throws(Failure) in
        try Node.connect(
          options, topology.source, group: asMember ? Node.group(options, topology) : nil, milliseconds: 3_000)
      },
      outputs: { () throws(Failure) in try Node.sink(source, outputs, generation, report) })
  }

  static func input(_ source: Source, _ wanted: Topology.Source) throws(Failure) -> BoundedRun.Input {
    switch source {
    case .embedded(let log): return .log(log)
    case .kafka(let options): return .kafka(try connect(options, wanted, group: nil))
    }
  }
}
