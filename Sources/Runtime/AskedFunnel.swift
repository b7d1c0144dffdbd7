import Basics
import Dataflow
import Events

/// A funnel that no topology declares, asked of a topology's log up to certain offsets.
///
/// Answered by a replay through the funnel's own operator, from the beginning of the log: whether an event is a duplicate
/// depends on all before it. So it is what a declared funnel of the same definition holds at these offsets.
public struct AskedFunnel: Codable, Equatable, Sendable {
  /// Whose log is read, and how late and repeated records are told there.
  public var topology: String
  public var source: Topology.Source
  public var funnel: FunnelText
  /// Entries with start <= time < end; milliseconds; nil is open.
  public var start: Int64?
  public var end: Int64?
  public var trend: FunnelRequest.Trend?
  public var timezone: String?
  /// By partition: records before are in the answer. `.max` of files, which are read to their end.
  public var offsets: [Int64]
  /// By partition: history before is not in it, as it is not in the generation that was asked; with the stamps that go with it.
  public var starts: [Int64]
  public var startStamps: [Int64?]
  /// What the log is.
  public var log: Generation.Source
  /// Everything appended up to here is before the offsets; milliseconds; nil when that is not known.
  public var completeUntil: Int64?
  public var askedAt: Int64
  var semantics: Int

  /// Of what a log holds now.
  ///
  /// - `until`: by partition, the offsets to read to; nil for files.
  public init(
    _ funnel: FunnelText, of topology: String, reading source: Topology.Source, log: Generation.Source,
    starts: [Int64], stamps: [Int64?], until offsets: [Int64]?
  ) {
    self.topology = topology
    self.source = source
    self.funnel = funnel
    self.log = log
    self.starts = starts
    startStamps = stamps
    self.offsets = offsets ?? starts.map { _ in .max }
    askedAt = wallMilliseconds()
    semantics = Semantics.number
  }

  /// Of what a generation that is served has read.
  ///
  /// - Errors: `.unavailable` when a partition stopped, or nobody says how far another instance is with it.
  init(_ funnel: FunnelText, of live: LiveTopology) throws(Failure) {
    let statuses = live.statuses
    if let stopped = statuses.first(where: { $0.failure != nil }) {
      throw .unavailable("partition \(stopped.partition) stopped: \(stopped.failure!.message)")
    }
    let owners = live.ownership?.owners ?? [:]
    let generation = live.generation
    let offsets = try statuses.map { (status) throws(Failure) in
      if status.isHere { return max(try live.answeredOffset(status), generation.starts[status.partition]) }
      guard let owner = owners[status.partition] else {
        throw .unavailable("nobody has said yet how far partition \(status.partition) has been read: try again")
      }
      guard owner.owes != .max else {
        throw .unavailable(
          "instance \(owner.instance.address) reads partition \(status.partition) again, and nobody knows yet how far it was: "
            + "try again")
      }
      return max(owner.offset, owner.owes ?? 0)
    }
    self.init(
      funnel, of: generation.topology.name, reading: generation.topology.source, log: generation.source,
      starts: generation.starts, stamps: generation.startStamps, until: offsets)
    completeUntil = statuses.allSatisfy(\.isHere) ? LiveTopology.completeUntil(statuses) : nil
  }

  /// - Errors: `.invalid` naming what is wrong with the definition.
  public func definition() throws(Failure) -> Topology { try funnel.topology(named: topology, reading: source) }

  /// What is read from the cells.
  var request: FunnelRequest {
    var request = FunnelRequest(view: FunnelText.view, start: start, end: end, by: funnel.by != nil)
    request.trend = trend
    request.timezone = timezone ?? "UTC"
    return request
  }

  /// The same for the same question at the same offsets, whenever it is asked. No view can be called so.
  public func id() throws(Failure) -> String {
    var text = "\(Semantics.digest(of: try definition()))\n\(log.name)\n\(offsets) \(starts)\n"
    text += "\(start.map(String.init) ?? "-") \(end.map(String.init) ?? "-") "
    text += "\(trend?.rawValue ?? "-") \(timezone ?? "-")"
    return "\(AskedFunnel.prefix)\(Events.digest(text).hexadecimal)"
  }

  public static let prefix = "asked-"
}

extension AskedFunnel {
  /// Of all that a log, a topic or files hold now.
  ///
  /// - `generation`: of the topology; history before its beginning is not in the answer either.
  public init(
    _ funnel: FunnelText, of topology: String, reading source: Topology.Source, allOf input: BoundedRun.Input,
    since generation: Generation? = nil
  ) throws(Failure) {
    let (starts, stamps): ([Int64], [Int64?]) =
      if let generation { (generation.starts, generation.startStamps) } else { try input.beginnings() }
    self.init(
      funnel, of: topology, reading: source, log: input.source, starts: starts, stamps: stamps,
      until: try input.ends())
  }
}
