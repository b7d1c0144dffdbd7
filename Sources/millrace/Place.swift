import Basics
import Dataflow
import Foundation
import Logs
import Runtime
import Settings

/// Where a command works: the configuration, with what the command line says on top.
struct Place {
  var configuration: Configuration

  static let options: [CommandSyntax.Option] = [
    .value("config", "FILE", "configuration file (default: none, every key has a default)"),
    .value("data", "DIR", "data directory (default ./data); wins over the configuration's, its log is DIR/log"),
  ]
  static let memoryOption = CommandSyntax.Option.value(
    "memory", "SIZE", "memory for caches and operators, 512MiB or 25% (default 25%)")

  /// - Errors: `.invalid` from the configuration file, the environment, or an option.
  init(_ arguments: Arguments, warns: Bool = true) throws(Failure) {
    var configuration = try Configuration.load(
      path: arguments.text("config"), environment: ProcessInfo.processInfo.environment
    ) { KafkaOptions.problem(property: $0, value: $1, isSecret: $2) }
    if warns { for warning in configuration.warnings { Console.warn(warning) } }
    if let data = arguments.text("data") {
      configuration.data = data
      // Alone it means the log in it; with Kafka it is where the state is.
      configuration.log.path = nil
    }
    if let text = arguments.text("memory") {
      guard let memory = Size(text) else {
        throw .invalid("--memory takes a size such as 512MiB or 25%, not '\(text)'")
      }
      configuration.memory = memory
    }
    self.configuration = configuration
  }

  var memoryBytes: Int { Int(configuration.memory.bytes(of: Int64(Place.machineMemory))) }

  /// What the machine or its control group allows.
  static var machineMemory: UInt64 {
    let physical = ProcessInfo.processInfo.physicalMemory
    for file in ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"] {
      guard let text = try? String(contentsOfFile: file, encoding: .utf8),
        let limit = UInt64(text.trimmingCharacters(in: .whitespacesAndNewlines))
      else { continue }
      return min(physical, limit)
    }
    return physical
  }

  /// The data directory's place, without owning it.
  func makeData() throws(Failure) {
    do { try FileManager.default.createDirectory(atPath: configuration.data, withIntermediateDirectories: true) } catch
    {
      throw .unavailable("cannot create \(configuration.data): \(error.localizedDescription)")
    }
  }

  func openData(create: Bool) throws(Failure) -> DataDirectory {
    try DataDirectory(configuration.data, create: create)
  }

  /// The cluster that is configured, if any.
  var kafka: KafkaOptions? {
    configuration.kafka.map {
      KafkaOptions(brokers: $0.brokers, group: $0.group, properties: $0.properties, secrets: $0.secrets)
    }
  }

  /// The embedded log of a topic. `partitions` nil takes what the log has.
  func openLog(topic: String, readOnly: Bool) throws(Failure) -> SegmentLog {
    var options = SegmentLogOptions()
    options.segmentBytes = Int(configuration.log.segmentBytes)
    if case .milliseconds(let age) = configuration.log.retentionAge { options.retentionMilliseconds = age }
    let total = Place.diskBytes(configuration.logPath)
    options.reserveBytes = configuration.log.reserve.bytes(of: total)
    options.retentionBytes = configuration.log.retentionSize?.bytes(of: total)
    return try SegmentLog(
      directory: configuration.logPath, topic: topic, partitions: readOnly ? nil : configuration.log.partitions,
      options: options, readOnly: readOnly)
  }

  /// Size of the file system that holds, or will hold, the path.
  private static func diskBytes(_ path: String) -> Int64 {
    var path = path
    while true {
      var space = statvfs()
      if statvfs(path, &space) == 0 { return Int64(space.f_blocks) * Int64(space.f_frsize) }
      guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
        return path == "." ? 0 : diskBytes(".")
      }
      path = String(path[..<slash])
    }
  }

  /// A generation opened for reading, of the topology meant.
  func openTopology(_ arguments: Arguments, view: String?) throws(Failure) -> OfflineTopology {
    let data = try openData(create: false)
    let name = try data.topology(named: arguments.text("topology"), view: view)
    let offline = try OfflineTopology(data, topology: name, memory: memoryBytes)
    if let exact = offline.generation.exactFrom {
      Console.warn(
        "generation \(offline.generation.number) was built from a log that no longer held everything: what is before "
          + "\(Timestamp(milliseconds: exact)) is incomplete")
    }
    return offline
  }

  /// What a generation was built from, to be read again.
  ///
  /// - Errors: `.invalid` for standard input, which cannot be, and for Kafka without a configuration that names it.
  func input(
    of source: Generation.Source, partitions: Int, _ topology: Dataflow.Topology
  ) throws(Failure) -> BoundedRun.Input {
    switch source {
    case .files(let paths, let keyed):
      guard !paths.contains("-") else {
        throw .invalid("topology '\(topology.name)' was built from standard input, which cannot be read again")
      }
      return .files(paths, keyed: keyed, partitions: partitions)
    case .log: return .log(try openLog(topic: topology.source.topic, readOnly: true))
    case .kafka: return .kafka(try openKafka(topology.source))
    }
  }

  /// The log that is configured.
  func input(_ source: Dataflow.Topology.Source) throws(Failure) -> BoundedRun.Input {
    kafka == nil ? .log(try openLog(topic: source.topic, readOnly: true)) : .kafka(try openKafka(source))
  }

  private func openKafka(_ source: Dataflow.Topology.Source) throws(Failure) -> KafkaLog {
    guard let kafka else {
      throw .invalid("this topology was built from Kafka: name the brokers with --config FILE")
    }
    let stamps = KafkaStamps(trustsHeader: source.trustStamps, trustsProducerTime: source.trustProducerTime)
    return try KafkaLog(kafka, topic: source.topic, stamps: stamps)
  }

  /// Memory, threads and commits of work in the foreground.
  func runOptions(_ arguments: Arguments) throws(Failure) -> BoundedRun.Options {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    // librdkafka takes about a core to unpack.
    let workers = kafka != nil && arguments.list("input") == nil ? max(1, cores - 1) : cores
    return BoundedRun.Options(
      memory: memoryBytes, threads: try arguments.integer("threads", in: 1...256) ?? workers)
  }

  /// What is kept of generations that are no longer served.
  var keeping: Generations.Keeping {
    let kept = configuration.generations
    return Generations.Keeping(count: kept.keep, milliseconds: kept.age.milliseconds)
  }

  static let threadsOption = CommandSyntax.Option.value(
    "threads", "N", "worker threads (default: one per core; reading Kafka one less)")

  /// The generations of the topology named, or of the only one.
  func generations(_ name: String?, in data: DataDirectory) throws(Failure) -> Generations {
    Generations(data, of: try data.topology(named: name, view: nil))
  }

  /// What the generation that is served was built from.
  func input(of generations: Generations) throws(Failure) -> BoundedRun.Input {
    let live = try Generation.read(generations.data, topology: generations.topology)
    return try input(of: live.source, partitions: live.partitionCount, live.topology)
  }

  static func loadTopology(_ path: String) throws(Failure) -> (text: String, topology: Dataflow.Topology) {
    let text = try TextFile.read(path)
    return (text, try Dataflow.Topology.load(text: text, file: path))
  }
}
