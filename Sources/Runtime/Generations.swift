import Basics
import Dataflow
import Foundation
import Glibc

/// The generations of one topology in a data directory: made, promoted, rolled back, dropped.
///
/// - Layout: `topologies/NAME/gen-N/` each; `current` names the one that is served and `last` the largest number ever given,
///   so that an answer's generation means one thing for ever. `gen-N.new` is being made, `gen-N.gone` is being removed,
///   `scratch` is built to be compared and removed; whoever opens the data directory removes what is left of these.
/// - A rename makes a generation, and a rename makes it live: killed at any moment, it is one or the other.
public struct Generations: Sendable {
  public let data: DataDirectory
  public let topology: String

  public init(_ data: DataDirectory, of topology: String) {
    self.data = data
    self.topology = topology
  }

  public struct Listed: Sendable {
    public var number: Int
    public var state: GenerationState
    public var record: GenerationRecord
    /// Nil when it cannot be opened by this program; `failure` says why.
    public var generation: Generation?
    public var failure: Failure?
    /// Bytes of its state on disk.
    public var stateBytes: Int
  }

  private var home: String { data.directory(of: topology) }

  /// Of all that are whole, ascending.
  public var numbers: [Int] {
    DurableFile.list(home).compactMap { name -> Int? in
      guard name.hasPrefix("gen-"), let number = Int(name.dropFirst(4)), number > 0,
        access("\(home)/\(name)/generation.json", F_OK) == 0
      else { return nil }
      return number
    }.sorted()
  }

  /// The number of the generation that is served; nil when there is none.
  public func live() throws(Failure) -> Int? { try data.currentGeneration(of: topology) }

  /// All of them, ascending, as they are between two changes: in the middle of a promotion one would be neither served nor not.
  public func all() throws(Failure) -> [Listed] {
    try data.changing { () throws(Failure) in try allAlone() }
  }

  private func allAlone() throws(Failure) -> [Listed] {
    let live = try live()
    let previous = try previous()
    return try numbers.map { (number) throws(Failure) in
      let record = try record(of: number)
      var listed = Listed(
        number: number, state: .building, record: record,
        stateBytes: DurableFile.treeBytes("\(home)/gen-\(number)"))
      listed.state =
        if number == live { .live } else if number == previous { .previous } else if record.wish == .paused {
          .paused
        } else if record.wish == .cancelled { .cancelled } else if record.liveSince != nil {
          .retired
        } else if record
          .caughtUpAt != nil
        { .caughtUp } else { .building }
      do throws(Failure) {
        listed.generation = try Generation.load(data, topology: topology, number: number)
      } catch {
        listed.failure = error
      }
      return listed
    }
  }

  /// Where a rollback goes; nil when nothing was served before, or it is gone.
  public func previous() throws(Failure) -> Int? {
    guard let live = try live(), let replaced = try record(of: live).replaced, numbers.contains(replaced) else {
      return nil
    }
    return replaced
  }

  /// Makes the next generation, empty and not served.
  ///
  /// - `stamps`: by partition, as `Generation.startStamps`.
  /// - `checkpoint`: whose states it begins with; nil: none.
  public func create(
    _ definition: Topology, text: String, source: Generation.Source, starts: [Int64], stamps: [Int64?]? = nil,
    from checkpoint: FittingCheckpoint? = nil
  ) throws(Failure) -> Generation {
    precondition(definition.name == topology, "topology \(definition.name) among the generations of \(topology)")
    try DurableFile.makeDirectory(home)
    return try data.changing { () throws(Failure) in
      let number = try nextNumber()
      // The number is given before the directory is there: a dropped or half-made one's is not given again.
      try DurableFile.write("\(number)\n", to: "\(home)/last")
      var description = Generation.Description(
        format: DataDirectory.format, number: number, digest: Semantics.digest(of: definition),
        partitions: starts.count, source: source, starts: starts, startStamps: stamps, createdAt: wallMilliseconds(),
        semantics: Semantics.number)
      description.origin = checkpoint.map {
        Generation.Origin(generation: $0.generation.number, checkpoint: $0.checkpoint.id, offsets: $0.offsets)
      }
      let final = "\(home)/gen-\(number)"
      do throws(Failure) {
        try write(description, text, to: "\(final).new")
        try checkpoint?.link(into: Generation("\(final).new", definition, description))
      } catch {
        remove("\(final).new")
        throw error
      }
      try DurableFile.renameDirectory("\(final).new", to: final)
      return Generation(final, definition, description)
    }
  }

  /// A generation of the same meaning that nobody serves and `sweep` removes.
  func scratch(of generation: Generation, starts: [Int64], stamps: [Int64?]) throws(Failure) -> Generation {
    let directory = "\(home)/scratch"
    remove(directory)
    var description = Generation.Description(
      format: DataDirectory.format, number: 0, digest: generation.digest, partitions: starts.count,
      source: generation.source, starts: starts)
    description.startStamps = stamps
    try write(description, try generation.text(), to: directory)
    return Generation(directory, generation.topology, description)
  }

  func removeScratch() { remove("\(home)/scratch") }

  func nextNumber() throws(Failure) -> Int {
    var last = numbers.last ?? 0
    if let text = try DurableFile.read("\(home)/last") {
      guard let number = Int(text.filter { !$0.isWhitespace }) else {
        throw .corrupt("\(home)/last: '\(text)' is no number")
      }
      last = max(last, number)
    }
    return last + 1
  }

  private func write(_ description: Generation.Description, _ text: String, to directory: String) throws(Failure) {
    try DurableFile.makeDirectory(directory)
    try DurableFile.write(text, to: "\(directory)/topology.yaml")
    try DurableFile.write(Generations.json(description), to: "\(directory)/generation.json")
  }

  public func record(of number: Int) throws(Failure) -> GenerationRecord {
    let file = "\(home)/gen-\(number)/record.json"
    guard let text = try DurableFile.read(file) else { return GenerationRecord() }
    do { return try JSONDecoder().decode(GenerationRecord.self, from: Data(text.utf8)) } catch {
      throw .corrupt("\(file) cannot be read: \(error)")
    }
  }

  public func update(_ number: Int, _ change: (inout GenerationRecord) -> Void) throws(Failure) {
    try data.changing { () throws(Failure) in try updateAlone(number, change) }
  }

  private func updateAlone(_ number: Int, _ change: (inout GenerationRecord) -> Void) throws(Failure) {
    var record = try record(of: number)
    let before = record
    change(&record)
    guard record != before else { return }
    try DurableFile.write(Generations.json(record), to: "\(home)/gen-\(number)/record.json")
  }

  /// Serves this generation from now on. Durable when it returns; whether it is good enough is for the caller to know.
  ///
  /// - `exchange`: called once it is durable and before anybody can read so here: who reads that it is served is answered by it.
  public func promote(_ number: Int, exchange: () -> Void = {}) throws(Failure) {
    try data.changing { () throws(Failure) in
      let live = try live()
      guard live != number else { return }
      let now = wallMilliseconds()
      if let live { try end(live, at: now) }
      // Before the switch: a generation that is served knows what it replaced. All else after it: whoever is killed in between
      // finds that it is served, or that it is still to be.
      if let live { try updateAlone(number) { $0.replaced = live } }
      try serve(number)
      exchange()
      // It is served all the same if this cannot be written: whoever replaces it notes it then.
      try? updateAlone(number) {
        $0.liveSince = now
        $0.wish = nil
        $0.promotion = nil
      }
    }
  }

  /// Notes what is no longer served; also what whoever promoted it had no time to note.
  private func end(_ live: Int, at now: Int64) throws(Failure) {
    try updateAlone(live) {
      $0.liveSince = $0.liveSince ?? now
      $0.liveUntil = now
      $0.wish = nil
      $0.promotion = nil
    }
  }

  /// Serves the generation that was served before this one.
  ///
  /// - `exchange`: as of `promote`, told which one it is.
  /// - Errors: `.invalid` when there is none.
  @discardableResult
  public func rollback(exchange: (Int) -> Void = { _ in }) throws(Failure) -> (from: Int, to: Int) {
    guard let live = try live() else { throw .invalid("\(data.path) holds no generation of topology '\(topology)'") }
    guard let previous = try previous() else {
      let replaced = try record(of: live).replaced
      throw .invalid(
        "there is nothing to roll back to: generation \(live) of '\(topology)' "
          + (replaced.map { "replaced generation \($0), which was dropped" } ?? "is the first that was served"))
    }
    try data.changing { () throws(Failure) in
      let now = wallMilliseconds()
      try end(live, at: now)
      try updateAlone(previous) { $0.liveSince = now }
      try serve(previous)
      exchange(previous)
    }
    return (live, previous)
  }

  private func serve(_ number: Int) throws(Failure) {
    guard numbers.contains(number) else {
      throw .invalid("topology '\(topology)' has no generation \(number); it has \(numbers)")
    }
    try DurableFile.write("\(number)\n", to: "\(home)/current")
  }

  /// Removes a generation and its state; its number is not given again.
  ///
  /// - Errors: `.invalid` for the live one, and for one that is not there.
  public func drop(_ number: Int) throws(Failure) {
    guard numbers.contains(number) else {
      throw .invalid(
        "topology '\(topology)' has no generation \(number); it has "
          + numbers.map(String.init).joined(separator: ", "))
    }
    guard try live() != number else {
      throw .invalid(
        "generation \(number) of '\(topology)' is the one that is served: promote another one, or roll back, first")
    }
    try data.changing { () throws(Failure) in
      // Its number stays taken even where an older program gave it.
      try DurableFile.write("\(try nextNumber() - 1)\n", to: "\(home)/last")
      try DurableFile.renameDirectory("\(home)/gen-\(number)", to: "\(home)/gen-\(number).gone")
    }
    remove("\(home)/gen-\(number).gone")
  }

  /// What is kept of generations that were served once, cancelled, or overtaken before they were served; not of the live one
  /// and the one before it.
  public struct Keeping: Sendable {
    public var count: Int
    /// Since they were last served, or made; nil is no limit.
    public var milliseconds: Int64?

    public init(count: Int, milliseconds: Int64?) {
      self.count = count
      self.milliseconds = milliseconds
    }
  }

  /// Drops old generations beyond what is kept, and says which.
  ///
  /// - `inUse`: whose stores are open.
  public func prune(_ keeping: Keeping, now: Int64, inUse: Set<Int> = []) throws(Failure) -> [Int] {
    let live = try live() ?? 0
    let old = try all().filter {
      $0.state == .retired || $0.state == .cancelled || $0.state == .caughtUp && $0.number < live
    }
    var dropped: [Int] = []
    for (age, listed) in old.reversed().enumerated() {
      let since = listed.record.liveUntil ?? listed.generation?.createdAt ?? now
      let isOld = keeping.milliseconds.map { now - since > $0 } ?? false
      guard isOld || age >= keeping.count, !inUse.contains(listed.number) else { continue }
      try drop(listed.number)
      dropped.append(listed.number)
    }
    return dropped
  }

  /// Removes what was being made, removed or compared when a process ended. Only for whoever just locked the directory.
  func sweep() {
    let live = (try? live()) ?? nil
    for name in DurableFile.list(home) {
      let path = "\(home)/\(name)"
      if name == "scratch" || name.hasPrefix("gen-") && (name.hasSuffix(".new") || name.hasSuffix(".gone")) {
        remove(path)
        continue
      }
      for partition in DurableFile.list(path) where partition.hasPrefix("p-") {
        StateCopy.finishExchange("\(path)/\(partition)/state")
        for half in DurableFile.list("\(path)/\(partition)/checkpoints") where half.hasSuffix(".new") {
          remove("\(path)/\(partition)/checkpoints/\(half)")
        }
      }
      // An older program wrote into the final directory; without its description it was never read from.
      guard name.hasPrefix("gen-"), let number = Int(name.dropFirst(4)), number != live else { continue }
      let content = DurableFile.list(path)
      if !content.contains("generation.json"), !content.contains(where: { $0.hasPrefix("p-") }) { remove(path) }
    }
  }

  private func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

  static func json(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    do { return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n" } catch {
      preconditionFailure("a generation's description does not encode: \(error)")
    }
  }
}
