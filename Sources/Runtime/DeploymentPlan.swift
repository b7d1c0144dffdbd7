import Basics
import Dataflow
import Logs

/// What deploying a definition would mean. Nothing runs.
public struct DeploymentPlan: Sendable {
  public var topology: String
  /// The generation that is served; nil when there is none.
  public var live: Int?
  /// The number the next one would have, or of the one that is being built; nil when nothing changes.
  public var next: Int?
  public var isBegun = false
  public var change: TopologyChange
  /// The program gives the same text another meaning than the one that built what is served.
  public var semanticsChanged: Bool
  /// By partition: where the replay starts, and a stamp that nothing before it exceeds.
  public var starts: [Int64]
  public var startStamps: [Int64?]
  /// By partition: where reading begins; behind the start when a checkpoint holds what is before.
  public var readsFrom: [Int64]
  /// What it begins with, or could.
  public var checkpoint: FittingCheckpoint?
  public var beginsWithCheckpoint: Bool
  /// Records behind that checkpoint; nil when only reading tells.
  public var recordsAfterCheckpoint: Int64?
  /// Records to read; nil when only reading tells.
  public var records: Int64?
  /// As they are stored; nil when the log does not say.
  public var bytes: Int64?
  /// The best founded measurement, and which generation's it is; nil when none was built yet.
  public var measured: (generation: Int, speed: ReplaySpeed)?
  /// Buckets from then on are exact; milliseconds; nil: all.
  public var exactFrom: Int64?
  /// Of what is served.
  public var exactFromLive: Int64?

  /// Milliseconds; nil when nothing has been measured, or the records are not known.
  public var estimatedMilliseconds: Int64? {
    guard let records, let speed = measured?.speed, speed.recordsPerSecond > 0 else { return nil }
    return records * 1_000 / speed.recordsPerSecond
  }

  public init(
    _ data: DataDirectory, _ file: (text: String, topology: Topology), _ input: BoundedRun.Input, start: ReplayStart
  ) throws(Failure) {
    topology = file.topology.name
    let generations = Generations(data, of: topology)
    live = try generations.live()
    let served = live == nil ? nil : try Generation.read(data, topology: topology)
    change = TopologyChange(from: served?.topology, to: file.topology, text: file.text)
    let digest = Semantics.digest(of: file.topology)
    semanticsChanged = change.isEmpty && served != nil && served!.digest != digest
    if let served { try BoundedRun.check(served, isOf: input.source, partitions: input.partitionCount) }
    checkpoint = try generations.fitting(digest: digest, input).first
    beginsWithCheckpoint = start == .checkpoint
    if beginsWithCheckpoint {
      guard let checkpoint else { throw generations.noneFits }
      (starts, startStamps) = (checkpoint.generation.starts, checkpoint.generation.startStamps)
      readsFrom = checkpoint.offsets
    } else {
      (starts, startStamps) = try input.beginnings(start)
      readsFrom = starts
    }
    if let ends = try input.ends() {
      records = zip(readsFrom, ends).reduce(0) { $0 + max(0, $1.1 - $1.0) }
      recordsAfterCheckpoint = checkpoint.map { zip($0.offsets, ends).reduce(0) { $0 + max(0, $1.1 - $1.0) } }
    }
    bytes = input.storedBytes(from: readsFrom)
    measured = try generations.measuredSpeed()
    exactFromLive = served?.exactFrom
    let reach = file.topology.reachMilliseconds
    exactFrom = zip(starts, startStamps).compactMap { $0 == 0 ? nil : $1.map { $0 + 1 + reach } }.max()
    guard served?.digest != digest else { return }
    let begun = try generations.all().last {
      $0.number != live && $0.record.liveSince == nil && $0.state != .cancelled && $0.generation?.digest == digest
    }
    isBegun = begun != nil
    next = begun == nil ? try generations.nextNumber() : begun!.number
  }
}
