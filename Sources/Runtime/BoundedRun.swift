import Basics
import Dataflow
import Logs
import Stores

/// `millrace run`: one topology over what a log holds now, then the end.
public struct BoundedRun: Sendable {
  public enum Input: Sendable {
    /// Files, or `-`; keyed: each is one partition, else they are routed to so many partitions.
    case files([String], keyed: Bool, partitions: Int)
    case log(SegmentLog)
    /// Read without a group: all partitions, beside whoever else reads them.
    case kafka(KafkaLog)
  }

  public struct Options: Sendable {
    /// Bytes the process may take for caches and operators.
    public var memory: Int
    public var threads: Int
    public var task = PartitionTask.Options()

    public init(memory: Int, threads: Int) {
      self.memory = memory
      self.threads = threads
    }
  }

  public let topology: LiveTopology
  /// For progress: how much was read and how much there is, in bytes of files or records of the log; nil when unknown.
  public let progress: @Sendable () -> (consumed: Int64, total: Int64?)

  /// - Errors: `.invalid` when the data directory was made from another topology, other files or other partitions.
  public init(
    _ data: DataDirectory, topologyFile: (text: String, topology: Topology), input: Input, options: Options,
    onStop: @escaping @Sendable (Int, Failure) -> Void
  ) throws(Failure) {
    // Opened first: a file that is not there must not become part of a generation.
    let source: any Log
    let files: FileLog?
    var task = options.task
    switch input {
    case .log(let log):
      source = log
      files = nil
    case .kafka(let log):
      source = log
      files = nil
    case .files(let paths, let keyed, _):
      let opened = try FileLog(paths: paths, shape: keyed ? .keyed : .sequence)
      source = opened
      files = opened
      // Whoever keyed the files decided who is where.
      if keyed { task.checksPlacement = false }
    }
    let generation = try BoundedRun.generation(data, topologyFile, input)
    var live = LiveTopology.Options(
      threads: options.threads, mode: .toEnd, partitionsInProcess: generation.partitionCount)
    live.task = task
    let topology = try LiveTopology(
      generation, budget: MemoryBudget(bytes: options.memory), options: live, onStop: onStop
    ) { positions throws(Failure) in
      guard case .files(_, keyed: false, _) = input, positions.count > 1 else { return source }
      return try RoutedLog(source, positions: positions, batchRecords: options.task.batchRecords)
    }
    self.topology = topology
    if let files {
      progress = { files.progress }
      return
    }
    var records: Int64 = 0
    for status in topology.statuses where status.failure == nil {
      records += max(0, (try source.endOffset(partition: status.partition) ?? 0) - status.offset)
    }
    let total = records
    progress = { (topology.statuses.reduce(0) { $0 + $1.readThisRun }, total) }
  }

  private static func generation(
    _ data: DataDirectory, _ file: (text: String, topology: Topology), _ input: Input
  ) throws(Failure) -> Generation {
    let source: Generation.Source
    var starts: [Int64] = []
    switch input {
    case .files(let paths, let keyed, let count):
      source = .files(paths: paths.map(absolute), keyed: keyed)
      starts = Array(repeating: 0, count: keyed ? paths.count : count)
    case .log(let log):
      source = .log
      starts = try log.starts()
    case .kafka(let log):
      source = .kafka(topic: log.topic)
      starts = try log.starts()
    }
    guard try data.currentGeneration(of: file.topology.name) != nil else {
      return try Generation.create(
        data, topology: file.topology, text: file.text, source: source, starts: starts)
    }
    let generation = try Generation.load(data, topology: file.topology.name)
    guard generation.digest == Semantics.digest(of: file.topology) else {
      throw .invalid(
        "\(data.path) was built with another definition of topology '\(file.topology.name)', kept in "
          + "\(generation.directory)/topology.yaml: use a new --data for the changed one")
    }
    guard generation.source == source else {
      throw .invalid(
        "\(data.path) was built from \(generation.source.name), not from \(source.name): the list of files is the "
          + "log, so use the same files in the same order, or a new --data")
    }
    if source.isLog, generation.partitionCount != starts.count {
      throw .invalid(
        "\(data.path) was built from a log of \(generation.partitionCount) partitions and the log has \(starts.count): the "
          + "count is part of a log's identity, so bring back the log it was built from, or rebuild the state in a new --data"
      )
    }
    guard generation.partitionCount == starts.count else {
      throw .invalid(
        "\(data.path) was built with \(generation.partitionCount) partitions, not \(starts.count): use --partitions "
          + "\(generation.partitionCount), or a new --data")
    }
    return generation
  }

  private static func absolute(_ path: String) -> String {
    if path == "-" || path.hasPrefix("/") { return path }
    return "\(DurableFile.workingDirectory)/\(path)"
  }
}
