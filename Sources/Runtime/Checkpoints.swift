import Basics
import Dataflow
import Foundation
import Glibc
import Stores

/// Checkpoints of one generation: hard-linked copies of its partitions' states, each named by the offset it stands for.
///
/// - Layout: `gen-N/p-007/checkpoints/OFFSET/` with RocksDB's files and their checksums, and `gen-N/checkpoints/ID.json`, which says
///   which offsets belong together and is written last: a checkpoint without it does not exist.
/// - A state is a function of the log, so partitions restored to different offsets are whole all the same once they have read on.
public struct Checkpoints: Sendable {
  public struct Checkpoint: Codable, Equatable, Sendable {
    public var format = 1
    public var id: Int
    /// Milliseconds of the machine's clock.
    public var createdAt: Int64
    /// By partition; nil: it had no state yet.
    public var offsets: [Int64?]
  }

  private struct Exported: Codable {
    var checkpoint: Checkpoint
    var generation: Generation.Description
  }

  public let generation: Generation

  public init(of generation: Generation) { self.generation = generation }

  private var home: String { "\(generation.directory)/checkpoints" }

  /// Those that are whole, oldest first.
  public func list() throws(Failure) -> [Checkpoint] {
    try DurableFile.list(home).filter { $0.hasSuffix(".json") }.map { (name) throws(Failure) in
      try Checkpoints.decode("\(home)/\(name)")
    }.sorted { $0.id < $1.id }
  }

  /// - Errors: `.invalid` when there is none of this number.
  public func find(_ id: Int?) throws(Failure) -> Checkpoint {
    let all = try list()
    guard let found = id == nil ? all.last : all.first(where: { $0.id == id }) else {
      let known = all.map { "\($0.id)" }.joined(separator: ", ")
      throw .invalid(
        "generation \(generation.number) of '\(generation.topology.name)' has no checkpoint\(id.map { " \($0)" } ?? ""); it has "
          + (known.isEmpty ? "none: 'millrace checkpoint create' makes one" : known))
    }
    return found
  }

  /// Of all files; tables that the state still has are the same bytes on the disk.
  public func bytes(of checkpoint: Checkpoint) -> Int {
    directories(checkpoint).reduce(0) { $0 + DurableFile.bytes(in: $1.directory) }
  }

  /// Copies all partitions as their last commits left them, and drops older checkpoints than the newest `keep`.
  public func create(keep: Int?) throws(Failure) -> Checkpoint {
    let budget = MemoryBudget(bytes: 128 << 20)
    return try create(keep: keep) { (partition) throws(Failure) in
      guard DurableFile.list("\(generation.partitionDirectory(partition))/state").contains("CURRENT") else {
        return nil
      }
      return try generation.openStore(partition, budget: budget, readOnly: false)
    }
  }

  /// - `store`: of a partition, which may be at work meanwhile; nil: it has no state.
  func create(keep: Int?, store: (Int) throws(Failure) -> Store?) throws(Failure) -> Checkpoint {
    var offsets: [Int64?] = []
    for partition in 0..<generation.partitionCount {
      guard let store = try store(partition) else {
        offsets.append(nil)
        continue
      }
      let home = "\(generation.partitionDirectory(partition))/checkpoints"
      let incoming = "\(home)/incoming"
      try DurableFile.makeDirectory(home)
      try? FileManager.default.removeItem(atPath: incoming)
      try store.checkpoint(to: incoming)
      // What it stands for is read from it: commits may go on while it is made.
      let offset = try StateCopy.offset(of: incoming)
      let final = "\(home)/\(StateCopy.name(offset))"
      if StateCopy.isWhole(final) {
        try? FileManager.default.removeItem(atPath: incoming)
      } else {
        try StateCopy.describe(incoming, offset: offset)
        try? FileManager.default.removeItem(atPath: final)
        try DurableFile.renameDirectory(incoming, to: final)
      }
      offsets.append(offset)
    }
    let made = try add(offsets, createdAt: wallMilliseconds())
    if let keep { for old in try list().dropLast(max(1, keep)) { try drop(old) } }
    return made
  }

  public func drop(_ checkpoint: Checkpoint) throws(Failure) {
    guard unlink("\(home)/\(StateCopy.name(Int64(checkpoint.id))).json") == 0 else {
      throw DurableFile.failed("remove", "\(home)/\(checkpoint.id)")
    }
    // Another one may stand at the same offset of a partition.
    let rest = try list()
    for (partition, offset) in checkpoint.offsets.enumerated() {
      guard let offset, !rest.contains(where: { $0.offsets[partition] == offset }) else { continue }
      try? FileManager.default.removeItem(atPath: directory(partition, offset))
    }
  }

  /// Puts the checkpoint where the states are; reading on from there gives the numbers there were. All of it is checked before
  /// anything is replaced.
  public func restore(_ checkpoint: Checkpoint) throws(Failure) {
    for (_, directory) in directories(checkpoint) { _ = try StateCopy.check(directory) }
    for partition in 0..<generation.partitionCount {
      let state = "\(generation.partitionDirectory(partition))/state"
      try? FileManager.default.removeItem(atPath: "\(state).incoming")
      guard let offset = checkpoint.offsets[partition] else {
        try? FileManager.default.removeItem(atPath: state)
        continue
      }
      try StateCopy.linkChecked(directory(partition, offset), to: "\(state).incoming")
      try StateCopy.exchange(state, "\(state).incoming")
      generation.setStopped(partition, nil)
    }
  }

  /// Puts it where a generation that has no state yet, nor is known to anybody, has its own.
  func link(_ checkpoint: Checkpoint, into empty: Generation) throws(Failure) {
    for (partition, directory) in directories(checkpoint) {
      try DurableFile.makeDirectory(empty.partitionDirectory(partition))
      try StateCopy.linkChecked(directory, to: "\(empty.partitionDirectory(partition))/state")
    }
  }

  /// Copies a checkpoint with its definition to a directory that is not there yet.
  public func export(_ checkpoint: Checkpoint, to target: String) throws(Failure) {
    guard access(target, F_OK) != 0 else { throw .invalid("\(target) is there already: name a new directory") }
    let temporary = "\(target).new"
    try? FileManager.default.removeItem(atPath: temporary)
    do throws(Failure) {
      try write(checkpoint, to: temporary)
    } catch {
      try? FileManager.default.removeItem(atPath: temporary)
      throw error
    }
    try DurableFile.renameDirectory(temporary, to: target)
  }

  private func write(_ checkpoint: Checkpoint, to temporary: String) throws(Failure) {
    try DurableFile.makeDirectory(temporary)
    for (partition, directory) in directories(checkpoint) {
      let manifest = try StateCopy.check(directory)
      try StateCopy.copy(directory, to: "\(temporary)/p-\(partition)", offset: manifest.offset)
    }
    try DurableFile.write(try generation.text(), to: "\(temporary)/topology.yaml")
    try DurableFile.write(
      Generations.json(Exported(checkpoint: checkpoint, generation: generation.description)),
      to: "\(temporary)/checkpoint.json")
  }

  /// Takes an exported checkpoint into a data directory: to the generation that is served if it means the same and began where
  /// the exported one did, or as the first generation of its topology, restored at once.
  ///
  /// - Errors: `.invalid` when what is served means something else; `.corrupt` when a file is not what was exported.
  public static func importing(
    _ source: String, into data: DataDirectory
  ) throws(Failure) -> (checkpoint: Checkpoint, generation: Generation, isNew: Bool) {
    let exported: Exported = try decode("\(source)/checkpoint.json")
    let description = exported.generation
    let text = try DurableFile.read("\(source)/topology.yaml") ?? ""
    let topology = try Topology.load(text: text, file: "\(source)/topology.yaml")
    guard Semantics.digest(of: topology) == description.digest else {
      throw .invalid("\(source): was made by a program that gives '\(topology.name)' another meaning")
    }
    // Before anything is made of it.
    for (partition, offset) in exported.checkpoint.offsets.enumerated() where offset != nil {
      _ = try StateCopy.check("\(source)/p-\(partition)")
    }
    let isFirst = try data.currentGeneration(of: topology.name) == nil
    let generation =
      isFirst
      ? try Generation.create(
        data, topology: topology, text: text, source: description.source, starts: description.starts,
        stamps: description.startStamps)
      : try Generation.load(data, topology: topology.name)
    guard generation.digest == description.digest, generation.starts == description.starts,
      generation.source == description.source
    else {
      throw .invalid(
        "\(source): is of another definition, start or log than generation \(generation.number) of '\(topology.name)' in "
          + "\(data.path)")
    }
    let own = Checkpoints(of: generation)
    // Also when it was killed right after the generation was made.
    let isNew = (0..<generation.partitionCount).allSatisfy {
      DurableFile.list("\(generation.partitionDirectory($0))/state").isEmpty
    }
    for (partition, offset) in exported.checkpoint.offsets.enumerated() {
      guard let offset else { continue }
      let final = own.directory(partition, offset)
      if StateCopy.isWhole(final) { continue }
      try DurableFile.makeDirectory("\(generation.partitionDirectory(partition))/checkpoints")
      try? FileManager.default.removeItem(atPath: "\(final).new")
      try StateCopy.copyChecked("\(source)/p-\(partition)", to: "\(final).new")
      try StateCopy.describe("\(final).new", offset: offset)
      try DurableFile.renameDirectory("\(final).new", to: final)
    }
    let made = try own.add(exported.checkpoint.offsets, createdAt: exported.checkpoint.createdAt)
    if isNew { try own.restore(made) }
    return (made, generation, isNew)
  }

  private func add(_ offsets: [Int64?], createdAt: Int64) throws(Failure) -> Checkpoint {
    try DurableFile.makeDirectory(home)
    let made = Checkpoint(id: (try list().last?.id ?? 0) + 1, createdAt: createdAt, offsets: offsets)
    // Zeros in front, so that names sort as numbers do.
    try DurableFile.write(Generations.json(made), to: "\(home)/\(StateCopy.name(Int64(made.id))).json")
    return made
  }

  private func directory(_ partition: Int, _ offset: Int64) -> String {
    "\(generation.partitionDirectory(partition))/checkpoints/\(StateCopy.name(offset))"
  }

  private func directories(_ checkpoint: Checkpoint) -> [(partition: Int, directory: String)] {
    checkpoint.offsets.enumerated().compactMap { partition, offset in
      offset.map { (partition, directory(partition, $0)) }
    }
  }

  private static func decode<T: Decodable>(_ file: String) throws(Failure) -> T {
    guard let text = try DurableFile.read(file) else { throw .invalid("\(file) is not there") }
    do { return try JSONDecoder().decode(T.self, from: Data(text.utf8)) } catch {
      throw .corrupt("\(file) cannot be read: \(error)")
    }
  }
}
