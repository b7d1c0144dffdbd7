import Basics
import Events
import Stores

/// Holds stored cells of two states of one meaning against each other, partition by partition: not what answers show but all
/// that is stored, who was counted included.
///
/// Numbers of users are given in log order, so two states that began at one place of the log have the same; then cells are
/// compared byte for byte, and the users' texts beside them. States that began elsewhere are compared by the texts' hashes.
public final class Verification {
  /// A stored cell that is not the same.
  public struct Difference: Sendable, Equatable {
    public var view: String
    public var grain: String
    public var bucket: Int64
    public var partition: Int
    public var dimensions: [ViewDifference.NamedDimension]
    /// `users of MEASURE` when as many were counted, but others.
    public var measure: String
    /// Decimal text; nil: no such cell, or nothing in it.
    public var served: String?
    public var rebuilt: String?
  }

  public struct Options: Sendable {
    public var start: Int64?
    public var end: Int64?
    /// Differences that are described; all are counted.
    public var limit = 100
    public var byteLimit = 128 << 20

    public init() {}
  }

  public private(set) var cells: Int64 = 0
  public private(set) var differingCells: Int64 = 0
  public private(set) var differences: [Difference] = []
  /// Other things that are stored: sentences.
  public private(set) var others: [String] = []
  /// Buckets of a past that the log no longer holds.
  public private(set) var cellsNotCompared: Int64 = 0
  private var sum: UInt64 = 0
  private var otherSum: UInt64 = 0

  private let plan: Plan
  private let newestStamp: Int64?
  private let exactFrom: Int64?
  private let options: Options
  private let clock: BucketClock
  private var servedCell = ByteWriter()
  private var rebuiltCell = ByteWriter()
  private var place = ByteWriter()

  /// - `newestStamp`: of all partitions: by it buckets expire.
  /// - `exactFrom`: earlier buckets are not compared; milliseconds; nil: both states began at the same place.
  public init(plan: Plan, newestStamp: Int64?, exactFrom: Int64?, options: Options) throws(Failure) {
    self.plan = plan
    self.newestStamp = newestStamp
    self.exactFrom = exactFrom
    self.options = options
    clock = try BucketClock(timezone: plan.topology.timezone)
  }

  /// 32 hexadecimal digits over every compared cell that is served, whatever the order.
  public var digest: String { Key128(high: sum, low: otherSum).hexadecimal }

  public func compare(partition: Int, served: Snapshot, rebuilt: Snapshot) throws(Failure) {
    var users: (served: StoredUsers, rebuilt: StoredUsers)?
    if exactFrom == nil {
      try compareUsers(partition, served, rebuilt)
      try compareLedgers(partition, served, rebuilt)
    } else {
      users = (try StoredUsers(served), try StoredUsers(rebuilt))
    }
    for (index, view) in plan.views.enumerated() {
      let name = plan.topology.views[index].name
      for table in StoredTable.all(of: view, named: name) {
        try compare(table, partition, served, rebuilt, users)
      }
    }
  }

  private func compare(
    _ table: StoredTable, _ partition: Int, _ served: Snapshot, _ rebuilt: Snapshot,
    _ users: (served: StoredUsers, rebuilt: StoredUsers)?
  ) throws(Failure) {
    let expired = CellWriter.expiry(table.definition, newestStamp)
    let shows = { [clock, options] (bucket: Int64) in
      clock.bucketEnd(bucket, grain: table.definition.grain) > expired && options.end.map { bucket < $0 } ?? true
    }
    var from = options.start ?? .min
    while true {
      let firsts = [try table.firstBucket(served, from), try table.firstBucket(rebuilt, from)]
      guard let next = firsts.compactMap({ $0 }).min() else { return }
      if let end = options.end, next >= end { return }
      let window = BucketWindow(table.definition.grain, from: next)
      try compare(table, window, ComparedTable.Slice(), partition, (served, rebuilt), users, shows)
      from = window.end
    }
  }

  private func compare(
    _ table: StoredTable, _ window: BucketWindow, _ slice: ComparedTable.Slice, _ partition: Int,
    _ states: (served: Snapshot, rebuilt: Snapshot), _ users: (served: StoredUsers, rebuilt: StoredUsers)?,
    _ shows: (Int64) -> Bool
  ) throws(Failure) {
    let one = try table.read(states.served, window, slice, byteLimit: options.byteLimit, shows)
    let other = one == nil ? nil : try table.read(states.rebuilt, window, slice, byteLimit: options.byteLimit, shows)
    guard let one, let other else {
      if let halves = window.halves {
        for half in [halves.0, halves.1] { try compare(table, half, slice, partition, states, users, shows) }
      } else {
        for part in slice.parts { try compare(table, window, part, partition, states, users, shows) }
      }
      return
    }
    var (i, j) = (0, 0)
    while i < one.count || j < other.count {
      let order = i == one.count ? 1 : j == other.count ? -1 : one.compare(i, other, j)
      let left = order <= 0 ? i : nil
      let right = order >= 0 ? j : nil
      if left != nil { i += 1 }
      if right != nil { j += 1 }
      let bucket = left.map(one.bucket) ?? other.bucket(right!)
      if let exactFrom, bucket < exactFrom {
        cellsNotCompared += 1
        continue
      }
      cells += 1
      if let left {
        one.encode(left, into: &servedCell)
        add(table, bucket, partition)
      }
      if let left, let right, isSame(one, left, other, right, users) { continue }
      note(table, bucket, partition, one, left, other, right)
    }
  }

  /// `servedCell` is the first of the two already.
  private func isSame(
    _ one: StoredCells, _ left: Int, _ other: StoredCells, _ right: Int,
    _ users: (served: StoredUsers, rebuilt: StoredUsers)?
  ) -> Bool {
    if let users { return one.isSame(left, other, right, users) }
    other.encode(right, into: &rebuiltCell)
    return compareBytes(servedCell.bytes, rebuiltCell.bytes) == 0
  }

  private func add(_ table: StoredTable, _ bucket: Int64, _ partition: Int) {
    place.clear()
    place.fixed64(UInt64(partition))
    place.byte(table.definition.grain.rawValue)
    place.fixed32(UInt32(table.table))
    place.ordered64(bucket)
    place.raw(servedCell.bytes)
    let key = Events.digest(place.bytes)
    sum &+= key.high
    otherSum &+= key.low
  }

  private func note(
    _ table: StoredTable, _ bucket: Int64, _ partition: Int, _ one: StoredCells, _ left: Int?, _ other: StoredCells,
    _ right: Int?
  ) {
    differingCells += 1
    let dimensions = left.map { one.dimensions($0) } ?? other.dimensions(right!)
    let served = left.map { one.values($0) }
    let rebuilt = right.map { other.values($0) }
    var found: [(String, String?, String?)] = []
    for (index, measure) in (served ?? rebuilt!).map(\.name).enumerated() {
      let values = (served?[index].value.text, rebuilt?[index].value.text)
      if served == nil || rebuilt == nil || values.0 != values.1 { found.append((measure, values.0, values.1)) }
    }
    if found.isEmpty {
      for (name, part) in table.userParts {
        let (mine, theirs) = (one.members(left!, part), other.members(right!, part))
        if mine != theirs { found.append(("users of \(name)", "\(mine.count)", "\(theirs.count)")) }
      }
    }
    if found.isEmpty { found = [("stored parts", "of the cell", "are not the same")] }
    for (measure, served, rebuilt) in found where differences.count < options.limit {
      differences.append(
        Difference(
          view: table.view, grain: table.grainName, bucket: bucket, partition: partition, dimensions: dimensions,
          measure: measure, served: served, rebuilt: rebuilt))
    }
  }

  private func compareUsers(_ partition: Int, _ served: Snapshot, _ rebuilt: Snapshot) throws(Failure) {
    let (one, other) = (try StoredUsers.digest(of: served), try StoredUsers.digest(of: rebuilt))
    guard one != other else { return }
    others.append(
      "partition \(partition): users are numbered differently: \(one.count) users served, \(other.count) rebuilt")
  }

  private func compareLedgers(_ partition: Int, _ served: Snapshot, _ rebuilt: Snapshot) throws(Failure) {
    let columns = plan.projection.columns.count
    let one = try Ledger.read(from: try served.get(KeyLayout.ledger), columns: columns)
    let other = try Ledger.read(from: try rebuilt.get(KeyLayout.ledger), columns: columns)
    guard one != other else { return }
    others.append(
      "partition \(partition): the ledgers differ: read \(one.read) and \(other.read), counted \(one.counted) and "
        + "\(other.counted), duplicates \(one.duplicates) and \(other.duplicates), late \(one.late) and \(other.late)")
  }
}
