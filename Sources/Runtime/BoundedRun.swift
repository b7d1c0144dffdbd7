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

    var source: Generation.Source {
      switch self {
      case .files(let paths, let keyed, _): .files(paths: paths.map(BoundedRun.absolute), keyed: keyed)
      case .log: .log
      case .kafka(let log): .kafka(topic: log.topic)
      }
    }
  }

  public struct Options: Sendable {
    /// Bytes the process may take for caches and operators.
    public var memory: Int
    public var threads: Int
    public var task = PartitionTask.Options()
    /// Of work beside something that is served.
    public var pace: Pace?
    /// Whether answers are read from `topology`. If not, a partition's state is closed, and its memory given back, as soon as
    /// the partition is at its end.
    public var isAnswering = true

    public init(memory: Int, threads: Int) {
      self.memory = memory
      self.threads = threads
    }
  }

  public let topology: LiveTopology
  /// For progress: how much was read and how much there is, in bytes of files or records of the log; nil when unknown.
  public let progress: @Sendable () -> (consumed: Int64, total: Int64?)

  /// Makes the topology's first generation, or goes on with the one that is served.
  ///
  /// - Errors: `.invalid` when the data directory was made from another topology, other files or other partitions.
  public init(
    _ data: DataDirectory, topologyFile: (text: String, topology: Topology), input: Input, options: Options,
    onStop: @escaping @Sendable (Int, Failure) -> Void
  ) throws(Failure) {
    // Opened first: a file that is not there must not become part of a generation.
    let opened = try BoundedRun.open(input)
    let generation = try BoundedRun.generation(data, topologyFile, input)
    try self.init(generation, input, opened, options, onStop)
  }

  /// Goes on with a generation, whether or not it is served.
  ///
  /// - Errors: `.invalid` when it was made from something else.
  public init(
    _ generation: Generation, input: Input, options: Options, onStop: @escaping @Sendable (Int, Failure) -> Void
  ) throws(Failure) {
    let opened = try BoundedRun.open(input)
    try BoundedRun.check(generation, isOf: input.source, partitions: try opened.partitionCount(input))
    try self.init(generation, input, opened, options, onStop)
  }

  /// What is read, and the same as files if it is.
  private struct Opened {
    var source: any Log
    var files: FileLog?

    func partitionCount(_ input: Input) throws(Failure) -> Int {
      if case .files(_, keyed: false, let partitions) = input { return partitions }
      return source.partitionCount
    }
  }

  private static func open(_ input: Input) throws(Failure) -> Opened {
    switch input {
    case .log(let log): return Opened(source: log)
    case .kafka(let log): return Opened(source: log)
    case .files(let paths, let keyed, _):
      let files = try FileLog(paths: paths, shape: keyed ? .keyed : .sequence)
      return Opened(source: files, files: files)
    }
  }

  private init(
    _ generation: Generation, _ input: Input, _ opened: Opened, _ options: Options,
    _ onStop: @escaping @Sendable (Int, Failure) -> Void
  ) throws(Failure) {
    let source = opened.source
    var task = options.task
    // Whoever keyed the files decided who is where.
    if case .files(_, keyed: true, _) = input { task.checksPlacement = false }
    var live = LiveTopology.Options(
      threads: options.threads, mode: .toEnd, partitionsInProcess: generation.partitionCount)
    live.task = task
    live.pace = options.pace
    live.isAnswering = options.isAnswering
    let topology = try LiveTopology(
      generation, budget: MemoryBudget(bytes: options.memory), options: live, onStop: onStop
    ) { positions throws(Failure) in
      guard case .files(_, keyed: false, _) = input, positions.count > 1 else { return source }
      return try RoutedLog(source, positions: positions, batchRecords: options.task.batchRecords)
    }
    self.topology = topology
    if let files = opened.files {
      progress = { files.progress }
      return
    }
    var records: Int64 = 0
    for status in topology.statuses where status.failure == nil {
      let end = try source.endOffset(partition: status.partition) ?? 0
      let bound = task.bounds.isEmpty ? .max : task.bounds[status.partition]
      records += max(0, min(end, bound) - status.offset)
    }
    let total = records
    progress = { (topology.statuses.reduce(0) { $0 + $1.readThisRun }, total) }
  }

  private static func generation(
    _ data: DataDirectory, _ file: (text: String, topology: Topology), _ input: Input
  ) throws(Failure) -> Generation {
    let (starts, stamps) = try input.beginnings()
    guard try data.currentGeneration(of: file.topology.name) != nil else {
      return try Generation.create(
        data, topology: file.topology, text: file.text, source: input.source, starts: starts, stamps: stamps)
    }
    let generation = try Generation.load(data, topology: file.topology.name)
    guard generation.digest == Semantics.digest(of: file.topology) else {
      throw .invalid(
        "\(data.path) was built with another definition of topology '\(file.topology.name)', kept in "
          + "\(generation.directory)/topology.yaml: 'millrace plan' says what changes and 'millrace deploy' builds it beside "
          + "the present one; or use a new --data")
    }
    try check(generation, isOf: input.source, partitions: starts.count)
    return generation
  }

  static func check(
    _ generation: Generation, isOf source: Generation.Source, partitions: Int
  ) throws(Failure) {
    let place = generation.directory
    guard generation.source == source else {
      throw .invalid(
        "\(place) was built from \(generation.source.name), not from \(source.name): the list of files is the "
          + "log, so use the same files in the same order, or a new --data")
    }
    if source.isLog, generation.partitionCount != partitions {
      throw .invalid(
        "\(place) was built from a log of \(generation.partitionCount) partitions and the log has \(partitions): the "
          + "count is part of a log's identity, so bring back the log it was built from, or rebuild the state in a new --data"
      )
    }
    guard generation.partitionCount == partitions else {
      throw .invalid(
        "\(place) was built with \(generation.partitionCount) partitions, not \(partitions): use --partitions "
          + "\(generation.partitionCount), or a new --data")
    }
  }

  fileprivate static func absolute(_ path: String) -> String {
    if path == "-" || path.hasPrefix("/") { return path }
    return "\(DurableFile.workingDirectory)/\(path)"
  }
}
