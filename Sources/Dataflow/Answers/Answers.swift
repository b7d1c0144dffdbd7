import Basics
import Stores

/// Reads views from snapshots of a generation's partitions: the merge of what each holds, made when asked.
///
/// Users are counted within their partition and the counts added: a user is in one partition only. Safe on any thread.
///
/// Partitions may be other instances': each then makes its part of an answer, and one of them puts the parts together.
public struct Answers: Sendable {
  public let plan: Plan
  private(set) var snapshots: [Snapshot]
  /// The newest append stamp of all partitions, by which buckets expire; nil in logs without stamps.
  public let newestStamp: Int64?
  public var limits = QueryLimits()
  /// What is kept of funnels from answer to answer; nil: nothing.
  public var spans: FunnelSpans?
  /// Where cells that were put together are kept; nil: nowhere.
  var cache: ByteCache?

  /// - `newestStamp`: of partitions that are not among the snapshots.
  public init(plan: Plan, snapshots: [Snapshot], newestStamp: Int64? = nil) throws(Failure) {
    self.plan = plan
    self.snapshots = snapshots
    cache = snapshots.first?.cache
    var newest = newestStamp
    for snapshot in snapshots {
      if let stamp = try Frontier(snapshot).newestStamp { newest = max(newest ?? stamp, stamp) }
    }
    self.newestStamp = newest
  }

  /// Whether the same buckets of a retention expire at two newest stamps. Buckets end at whole minutes.
  public static func expiresAlike(_ a: Int64?, _ b: Int64?, retention: Int64?) -> Bool {
    guard let retention, a != b else { return true }
    guard let a, let b else { return false }
    return Timestamp.floor(a - retention, to: Timestamp.minute) == Timestamp.floor(b - retention, to: Timestamp.minute)
  }

  /// The same in shares of whole partitions, at least one, for whoever has several threads; their parts are put together with
  /// what is `withoutPartitions`.
  public func divided(into count: Int) -> [Answers] {
    let shares = max(1, min(count, snapshots.count))
    return (0..<shares).map { share in
      var own = self
      own.snapshots = snapshots.indices.filter { $0 % shares == share }.map { snapshots[$0] }
      return own
    }
  }

  public var withoutPartitions: Answers {
    var none = self
    none.snapshots = []
    return none
  }

  func view(_ name: String) throws(Failure) -> Plan.ViewPlan {
    if let view = plan.viewPlan(named: name) { return view }
    let known = plan.topology.views.map(\.name).joined(separator: ", ")
    throw .invalid("no view '\(name)' in topology \(plan.topology.name); it has \(known)")
  }

  func rollup(_ name: String) throws(Failure) -> (RollupPlan, UInt16) {
    guard case .rollup(let rollup, let table) = try view(name) else {
      throw .invalid("view '\(name)' is a funnel: ask for its steps with 'millrace funnel \(name)'")
    }
    return (rollup, table)
  }

  /// Buckets that end at or before this do not show.
  func expiry(_ definition: GrainDefinition) -> Int64 { CellWriter.expiry(definition, newestStamp) }
}

/// How far one partition's state has come.
public struct Frontier: Equatable, Sendable {
  /// M; nil before the first record and in logs without stamps.
  public var newestStamp: Int64?
  /// The newest event time counted.
  public var newestTime: Int64?
  public var users: Int

  public init(_ snapshot: Snapshot) throws(Failure) {
    var meta = ChainMeta()
    if let stored = try snapshot.get(KeyLayout.meta) {
      meta = try stored.span.withUnsafeBytes { (bytes) throws(Failure) in try ChainMeta(from: bytes) }
    }
    newestStamp = meta.newestStamp == .min ? nil : meta.newestStamp
    newestTime = meta.newestTime == .min ? nil : meta.newestTime
    users = Int(meta.nextUser)
  }
}
