import Basics
import Dataflow
import Foundation

/// What the replay of an asked funnel came to.
public struct FunnelResult: Codable, Equatable, Sendable {
  /// The cells of the answer, as one instance gives them to another.
  var cells: Data
  /// By partition: records before are in the answer.
  public var offsets: [Int64]
  /// Records read, in all partitions.
  public var events: Int64
  /// Milliseconds of the machine's clock.
  public var computedAt: Int64
  /// Buckets that start before are incomplete, as `Generation.exactFrom`.
  public var exactFrom: Int64?

  /// - `limit`: values of a breakdown at the most, those with most users first.
  public func answer(to asked: AskedFunnel, limit: Int?) throws(Failure) -> FunnelAnswer {
    var request = asked.request
    request.limit = limit
    let nothing = try Answers(plan: try Plan(try asked.definition()), snapshots: [])
    return try nothing.funnel(request, parts: [Array(cells)])
  }
}

/// A log read through one funnel and nothing else, into a directory that belongs to no generation.
///
/// - Layout: `generation.json`, `p-007/state/`. Killed and begun again it goes on from its last commits.
public struct FunnelReplay {
  public let asked: AskedFunnel
  private let generation: Generation

  /// - Errors: `.invalid` for a wrong definition.
  public init(_ asked: AskedFunnel, in directory: String, input: BoundedRun.Input) throws(Failure) {
    self.asked = asked
    let topology = try asked.definition()
    generation = Generation(directory, topology, try FunnelReplay.description(asked, topology, directory, input))
  }

  /// As it was when the replay was first begun: its beginning must not move.
  private static func description(
    _ asked: AskedFunnel, _ topology: Topology, _ directory: String, _ input: BoundedRun.Input
  ) throws(Failure) -> Generation.Description {
    let file = "\(directory)/generation.json"
    if let text = try DurableFile.read(file) {
      do { return try JSONDecoder().decode(Generation.Description.self, from: Data(text.utf8)) } catch {
        throw .corrupt("\(file) cannot be read: \(error)")
      }
    }
    let (starts, stamps) = try input.beginnings(notBefore: asked.starts, asked.startStamps)
    let description = Generation.Description(
      format: DataDirectory.format, number: 0, digest: Semantics.digest(of: topology), partitions: starts.count,
      source: asked.log, starts: starts, startStamps: stamps, createdAt: asked.askedAt, semantics: Semantics.number)
    try DurableFile.makeDirectory(directory)
    try DurableFile.write(Generations.json(description), to: file)
    return description
  }

  /// How much was read, and of how much: records, or bytes of files.
  public typealias Reading = @Sendable () -> (done: Int64, total: Int64?)

  /// - `work`: works through the run, to its end, and throws what stopped it.
  /// - Errors: `.unavailable` when the log no longer has all that was asked for.
  public func result(
    input: BoundedRun.Input, options: BoundedRun.Options,
    work: (BoundedRun, @escaping Reading) throws(Failure) -> Void
  ) throws(Failure) -> FunnelResult {
    var options = options
    let isBounded = !asked.offsets.contains(.max)
    if isBounded { options.task.bounds = asked.offsets }
    let run = try BoundedRun(generation, input: input, options: options) { _, _ in }
    try work(run, reading(run))
    let held = try run.topology.exactReading()
    let offsets = (0..<generation.partitionCount).map { held.offsets[$0] ?? generation.starts[$0] }
    guard !isBounded || offsets == asked.offsets.indices.map({ max(asked.offsets[$0], generation.starts[$0]) }) else {
      throw .unavailable("the log gave offsets \(offsets) and was asked for \(asked.offsets): bring back the whole log")
    }
    return FunnelResult(
      cells: Data(try held.answers.funnelPart(asked.request)), offsets: offsets,
      events: run.topology.statuses.reduce(0) { $0 + $1.ledger.read }, computedAt: wallMilliseconds(),
      exactFrom: generation.exactFrom)
  }

  /// What an earlier process read counts, too.
  private func reading(_ run: BoundedRun) -> Reading {
    guard !asked.offsets.contains(.max) else {
      return {
        let (done, total) = run.progress()
        return (done, total)
      }
    }
    let all = zip(asked.offsets, generation.starts).reduce(Int64(0)) { $0 + max(0, $1.0 - $1.1) }
    return {
      let (done, left) = run.progress()
      return (all - (left ?? all) + done, all)
    }
  }
}
