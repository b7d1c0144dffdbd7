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

  private struct Description: Codable {
    var format: Int
    var number: Int
    var digest: String
    var partitions: Int
    var source: Source
    var starts: [Int64]
  }

  public let directory: String
  public let number: Int
  public let topology: Topology
  public let digest: String
  public let partitionCount: Int
  public let source: Source
  /// By partition: the offset its log began with when the generation was made. History before it is not in the state.
  public let starts: [Int64]

  /// The generation that is served.
  ///
  /// - Errors: `.invalid` when its meaning is not this program's: another `semantics`, or a file that was edited.
  public static func load(_ data: DataDirectory, topology name: String) throws(Failure) -> Generation {
    guard let number = try data.currentGeneration(of: name) else {
      throw .invalid("\(data.path) holds no generation of topology '\(name)'")
    }
    let directory = "\(data.directory(of: name))/gen-\(number)"
    guard let text = try DurableFile.read("\(directory)/generation.json") else {
      throw .corrupt("\(directory)/generation.json is missing")
    }
    let description: Description
    do { description = try JSONDecoder().decode(Description.self, from: Data(text.utf8)) } catch {
      throw .corrupt("\(directory)/generation.json cannot be read: \(error)")
    }
    let topology = try Topology.load(path: "\(directory)/topology.yaml")
    guard Semantics.digest(of: topology) == description.digest else {
      throw .invalid(
        "\(directory): the frozen topology no longer means what the state was built with (it was edited, or this program "
          + "gives it another meaning); use the program that built it, or rebuild the state in a new data directory")
    }
    return Generation(
      directory: directory, number: number, topology: topology, digest: description.digest,
      partitionCount: description.partitions, source: description.source, starts: description.starts)
  }

  /// Makes generation 1 of a topology. It exists from the moment `current` names it.
  public static func create(
    _ data: DataDirectory, topology: Topology, text: String, source: Source, starts: [Int64]
  ) throws(Failure) -> Generation {
    let directory = "\(data.directory(of: topology.name))/gen-1"
    try DurableFile.makeDirectory(directory)
    try DurableFile.write(text, to: "\(directory)/topology.yaml")
    let digest = Semantics.digest(of: topology)
    let description = Description(
      format: DataDirectory.format, number: 1, digest: digest, partitions: starts.count, source: source,
      starts: starts)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    let encoded: String
    do { encoded = String(decoding: try encoder.encode(description), as: UTF8.self) } catch {
      preconditionFailure("a generation's description does not encode: \(error)")
    }
    try DurableFile.write(encoded + "\n", to: "\(directory)/generation.json")
    try DurableFile.write("1\n", to: "\(data.directory(of: topology.name))/current")
    return Generation(
      directory: directory, number: 1, topology: topology, digest: digest, partitionCount: starts.count, source: source,
      starts: starts)
  }

  /// Where an empty store begins to read.
  ///
  /// - Errors: `.corrupt` when the log no longer begins where it did: what is missing would be missing from the numbers.
  func firstPosition(_ partition: Int, of log: any Log) throws(Failure) -> LogPosition {
    let position = try log.startPosition(partition: partition)
    guard position.offset <= starts[partition] else {
      throw .corrupt(
        "partition \(partition) has no state yet and its log now begins at offset \(position.offset), not at "
          + "\(starts[partition]) as when generation \(number) was made: restore the log, or build the state anew in another "
          + "data directory from what there is")
    }
    return position
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
