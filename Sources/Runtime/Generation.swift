import Basics
import Dataflow
import Foundation
import Logs
import Stores

/// One build of a topology's state: its own directory, a frozen copy of the topology, and a store per partition.
///
/// - Layout: `gen-N/topology.yaml`, `gen-N/generation.json`, `gen-N/p-007/state/` (RocksDB), `gen-N/p-007/stopped` (why).
public struct Generation: Sendable {
  /// What the state was made from; part of its identity.
  public enum Source: Codable, Equatable, Sendable {
    case log
    case kafka(topic: String)
    /// Absolute paths, or `-`, in order. Keyed: each is one partition.
    case files(paths: [String], keyed: Bool)

    /// Whether the partitions are the log's own.
    var isLog: Bool {
      if case .files = self { return false }
      return true
    }

    var name: String {
      switch self {
      case .log: "the embedded log"
      case .kafka(let topic): "Kafka's topic '\(topic)'"
      case .files(let paths, let keyed): "\(keyed ? "the keyed files" : "the files") \(paths.joined(separator: " "))"
      }
    }
  }

  /// `generation.json`: what is fixed when a generation is made. Fields that may be nil are not in older directories.
  struct Description: Codable, Sendable {
    var format: Int
    var number: Int
    var digest: String
    var partitions: Int
    var source: Source
    var starts: [Int64]
    var startStamps: [Int64?]?
    var createdAt: Int64?
    var semantics: Int?
    var origin: Origin?
  }

  /// The checkpoint of another generation that this one began with.
  public struct Origin: Codable, Equatable, Sendable {
    public var generation: Int
    public var checkpoint: Int
    /// By partition.
    public var offsets: [Int64]
  }

  public let directory: String
  public let number: Int
  public let topology: Topology
  public let digest: String
  public let partitionCount: Int
  public let source: Source
  /// By partition: the offset its log began with when the generation was made. History before it is not in the state.
  public let starts: [Int64]
  /// By partition: no record before the start has a later stamp; milliseconds; nil where history is whole or nothing is known.
  public let startStamps: [Int64?]
  /// Nil when it was built from the log alone.
  public var origin: Origin? { description.origin }
  /// By partition: where reading began when the generation was made.
  public var readsFrom: [Int64] { origin?.offsets ?? starts }
  /// Milliseconds of the machine's clock; nil when an older program made it.
  public let createdAt: Int64?

  /// - `number`: nil is the generation that is served.
  /// - Errors: `.invalid` when there is none, or when its meaning is not this program's: another `semantics`, or a file that was
  ///   edited.
  public static func load(
    _ data: DataDirectory, topology name: String, number: Int? = nil
  ) throws(Failure) -> Generation {
    let generation = try read(data, topology: name, number: number)
    guard Semantics.digest(of: generation.topology) == generation.digest else {
      let why =
        generation.semantics == nil || generation.semantics == Semantics.number
        ? "it was edited, or this program gives it another meaning"
        : "the semantics of the state is \(generation.semantics!), this program's is \(Semantics.number)"
      throw .invalid(
        "\(generation.directory): the frozen topology no longer means what the state was built with (\(why)); nothing is "
          + "mixed: use the program that built it, or rebuild the state with 'millrace replay \(name)'")
    }
    return generation
  }

  /// As `load`, also of another meaning: for those who rebuild it and do not read its state.
  public static func read(
    _ data: DataDirectory, topology name: String, number: Int? = nil
  ) throws(Failure) -> Generation {
    let current = try data.currentGeneration(of: name)
    guard let number = number ?? current else {
      throw .invalid("\(data.path) holds no generation of topology '\(name)'")
    }
    let directory = "\(data.directory(of: name))/gen-\(number)"
    guard let text = try DurableFile.read("\(directory)/generation.json") else {
      let known = Generations(data, of: name).numbers.map(String.init).joined(separator: ", ")
      guard current == number else {
        throw .invalid("topology '\(name)' has no generation \(number); it has \(known.isEmpty ? "none" : known)")
      }
      throw .corrupt("\(directory)/generation.json is missing")
    }
    let description: Description
    do { description = try JSONDecoder().decode(Description.self, from: Data(text.utf8)) } catch {
      throw .corrupt("\(directory)/generation.json cannot be read: \(error)")
    }
    return Generation(directory, try Topology.load(path: "\(directory)/topology.yaml"), description)
  }

  /// The first generation of a topology: it is served from the start, since there is nothing else.
  public static func create(
    _ data: DataDirectory, topology: Topology, text: String, source: Source, starts: [Int64], stamps: [Int64?]? = nil
  ) throws(Failure) -> Generation {
    let generations = Generations(data, of: topology.name)
    // Killed between making it and serving it.
    for number in generations.numbers {
      guard let made = try? load(data, topology: topology.name, number: number), made.source == source,
        made.starts == starts, made.digest == Semantics.digest(of: topology)
      else { continue }
      try generations.promote(number)
      return made
    }
    let generation = try generations.create(topology, text: text, source: source, starts: starts, stamps: stamps)
    try generations.promote(generation.number)
    return generation
  }

  /// As it stands in `generation.json`.
  let description: Description
  private var semantics: Int? { description.semantics }

  init(_ directory: String, _ topology: Topology, _ description: Description) {
    self.directory = directory
    self.topology = topology
    number = description.number
    digest = description.digest
    partitionCount = description.partitions
    source = description.source
    starts = description.starts
    startStamps = description.startStamps ?? description.starts.map { _ in nil }
    createdAt = description.createdAt
    self.description = description
  }

  /// Its frozen text.
  public func text() throws(Failure) -> String {
    guard let text = try DurableFile.read("\(directory)/topology.yaml") else {
      throw .corrupt("\(directory)/topology.yaml is missing")
    }
    return text
  }

  /// Buckets that start at this time or later have all their events in this state; milliseconds. Nil: all have.
  ///
  /// A missing event is no later than the start's stamp. What it may have done to later ones reaches as far as the horizon (it
  /// was resent), a session (they were joined) and a funnel (it was an earlier step).
  public var exactFrom: Int64? {
    let reach = topology.reachMilliseconds
    return zip(starts, startStamps).compactMap { start, stamp in start == 0 ? nil : stamp.map { $0 + 1 + reach } }.max()
  }

  /// Where an empty store begins to read.
  ///
  /// - Errors: `.corrupt` when the log no longer begins where it did: what is missing would be missing from the numbers.
  func firstPosition(_ partition: Int, of log: any Log) throws(Failure) -> LogPosition {
    let first = try log.startPosition(partition: partition).offset
    guard first <= starts[partition] else {
      throw .corrupt(
        "partition \(partition) has no state yet and its log now begins at offset \(first), not at "
          + "\(starts[partition]) as when generation \(number) was made: restore the log, or drop this generation and build one "
          + "from what there is")
    }
    return try log.position(partition: partition, at: starts[partition])
  }

  func partitionDirectory(_ partition: Int) -> String {
    let digits = String(partition)
    return "\(directory)/p-\(String(repeating: "0", count: max(0, 3 - digits.count)))\(digits)"
  }

  func openStore(_ partition: Int, budget: MemoryBudget, readOnly: Bool) throws(Failure) -> Store {
    let directory = partitionDirectory(partition)
    if !readOnly {
      try DurableFile.makeDirectory(directory)
      try checkDisk("\(directory)/state")
    }
    var options = Store.Options(budget: budget, stores: partitionCount, merging: CellMerging())
    options.readOnly = readOnly
    do throws(Failure) { return try Store(path: "\(directory)/state", options) } catch {
      guard error.kind == .corrupt else { throw error }
      throw .corrupt(
        "\(error.message); the log is not harmed: remove \(directory)/state and start again, and the partition is built anew "
          + "from what it was built from")
    }
  }

  /// Opening a store writes: its write-ahead log again as a table, and a few small files. RocksDB as Debian builds it aborts
  /// the process when that fails, so a full disk must be seen before.
  private func checkDisk(_ state: String) throws(Failure) {
    let needed = 2 * DurableFile.bytes(in: state, suffix: ".log") + (4 << 20)
    guard let free = DurableFile.freeBytes(directory), free < needed else { return }
    throw .unavailable(
      "\(state): the disk is full: \(free >> 20) MiB are free, opening the state takes up to \(needed >> 20) MiB; free some "
        + "space and start again: it goes on from its last commit")
  }

  /// Bytes of state on disk, write-ahead logs included.
  public var stateBytes: Int {
    (0..<partitionCount).reduce(0) { $0 + DurableFile.bytes(in: "\(partitionDirectory($1))/state") }
  }

  /// Why the partition stopped when it last ran; nil when it did not.
  public func stopped(_ partition: Int) -> String? {
    (try? DurableFile.read("\(partitionDirectory(partition))/stopped")) ?? nil
  }

  func setStopped(_ partition: Int, _ message: String?) {
    let file = "\(partitionDirectory(partition))/stopped"
    if let message {
      // The disk may be what stopped it; then the note is lost and the message stays in the log output.
      try? DurableFile.write(message, to: file)
    } else {
      unlink(file)
    }
  }
}
