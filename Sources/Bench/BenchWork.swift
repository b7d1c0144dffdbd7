import Basics
import Workload

/// What is measured: a made-up click-stream and the answers it must give. Equal works make equal bytes.
public struct BenchWork: Codable, Equatable, Sendable {
  public enum Kind: String, Codable, Sendable {
    /// Keyed files, which are read at full speed.
    case replay
    /// Nothing is written: the lines are made again while they are fed at their own pace.
    case live
    /// As a replay, but appended to a topic: nothing is written here.
    case topic
  }

  public var kind: Kind
  /// Lines, resends included.
  public var events: Int
  public var users: Int
  /// Milliseconds the lines span.
  public var span: Int64
  public var partitions: Int
  public var seed: UInt64
  /// Mean bytes of a line.
  public var bytes: Int
  /// Every event is of another user, all equally often.
  public var isUniform: Bool

  public init(
    kind: Kind, events: Int, users: Int, span: Int64, partitions: Int, seed: UInt64, bytes: Int, isUniform: Bool
  ) {
    self.kind = kind
    self.events = events
    self.users = users
    self.span = span
    self.partitions = partitions
    self.seed = seed
    self.bytes = bytes
    self.isUniform = isUniform
  }

  /// Grains of the traffic and of the visits view.
  public var grains: (traffic: [String], visits: [String]) {
    kind == .live ? (["minute", "hour", "day"], ["minute", "hour", "day"]) : (["minute"], ["hour"])
  }

  public var topology: String { BenchTopology.text(traffic: grains.traffic, visits: grains.visits) }

  /// As `topology`, from a topic whose records were appended long after they happened, with the producer's time where
  /// brokers give none.
  public func topology(topic: String) -> String {
    let source = "source: { topic: \(topic), horizon: 20000d, trust_producer_time: true }"
    return topology.replacing("topology: bench\n", with: "topology: bench\n\(source)\n", maxReplacements: 1)
  }

  /// Milliseconds UTC. Live work begins on a full hour: traffic changes on the hour, and its pace shall be even.
  public var start: Int64 {
    let end: Int64 = 1_772_928_000_000
    return kind == .live ? end - 14 * Timestamp.hour : end - span
  }

  var workload: WorkloadOptions {
    var options = WorkloadOptions(
      seed: seed, events: events, users: users, start: start, end: start + span, recordBytes: bytes)
    options.isUniform = isUniform
    // A workload knows nothing from before its start, so in a few minutes hardly anything could be late: see `WorkLines`.
    if kind == .live { (options.lateShare, options.veryLateShare) = (0, 0) }
    return options
  }

  /// One row file per view and grain, as `millrace export` would print it.
  public func expected(_ view: String, grain: String, in directory: String) -> String {
    "\(directory)/expected-\(view)-\(grain).csv"
  }

  public func expectedFunnel(in directory: String) -> String { "\(directory)/expected-checkout.csv" }

  /// The keyed files, by partition.
  public func files(in directory: String) -> [String] {
    (0..<partitions).map { "\(directory)/events-\($0).ndjson" }
  }
}
