import Basics
import Stores

/// Which users of a funnel are wanted, a page of them.
public struct FunnelUsersRequest: Equatable, Sendable {
  public var funnel: FunnelRequest
  /// Who completed this step, from 1.
  public var step: Int
  /// And no further one.
  public var stopped: Bool
  /// Only users that come after this one, bytewise; nil: from the first.
  public var after: [UInt8]?
  public var limit: Int

  public init(funnel: FunnelRequest, step: Int, stopped: Bool, after: [UInt8]? = nil, limit: Int = 100) {
    self.funnel = funnel
    self.step = step
    self.stopped = stopped
    self.after = after
    self.limit = limit
  }
}

public struct FunnelUsersAnswer: Equatable, Sendable {
  /// By their texts, bytewise.
  public var users: [[UInt8]]
  /// On all pages.
  public var total: Int64
  public var hasMore: Bool
}

extension Answers {
  /// - `parts`: of partitions that are not among the snapshots, as their instances made them by `funnelUsersPart`.
  /// - Errors: `.invalid` as for the funnel itself, and for a step that it has not.
  public func funnelUsers(
    _ request: FunnelUsersRequest, parts: [[UInt8]] = []
  ) throws(Failure) -> FunnelUsersAnswer {
    let (page, total) = try users(request, parts)
    let users = page.sorted
    return FunnelUsersAnswer(
      users: Array(users.prefix(request.limit)), total: total, hasMore: users.count > request.limit)
  }

  /// What these partitions, and those of `parts`, add to an answer that another instance puts together, which has the same plan.
  public func funnelUsersPart(_ request: FunnelUsersRequest, parts: [[UInt8]] = []) throws(Failure) -> [UInt8] {
    let (page, total) = try users(request, parts)
    var writer = ByteWriter(capacity: 4_096)
    writer.zigzag(total)
    for user in page.sorted { user.withUnsafeBytes { writer.text($0) } }
    return Array(writer.bytes)
  }

  private func users(
    _ request: FunnelUsersRequest, _ parts: [[UInt8]]
  ) throws(Failure) -> (UserPage, total: Int64) {
    let (funnel, table) = try planned(request.funnel)
    let steps = funnel.definition.steps.count
    guard (1...steps).contains(request.step) else {
      throw .invalid("funnel '\(request.funnel.view)' has steps 1 to \(steps), not \(request.step)")
    }
    let expired = expiry(of: funnel)
    let scan = FunnelScan(
      self, funnel: funnel, table: table, dimensions: 0, start: request.funnel.start ?? .min,
      end: request.funnel.end ?? .max, row: { $0 + BucketClock.quarter > expired ? 0 : nil })
    // One more than is shown says whether there is more.
    var page = UserPage(limit: request.limit + 1, after: request.after)
    var total: Int64 = 0
    for snapshot in snapshots {
      let levels = try scan.users(snapshot)
      total += levels.size(of: request.step - 1)
      if request.stopped, request.step < steps { total -= levels.size(of: request.step) }
      try Answers.forEachUser(snapshot) { number, text in
        guard levels.contains(number, in: request.step - 1) else { return }
        if request.stopped, request.step < steps, levels.contains(number, in: request.step) { return }
        page.add(text)
      }
    }
    for part in parts {
      try part.span.withUnsafeBytes { (bytes) throws(Failure) in
        var reader = ByteReader(bytes, "users of another instance")
        total += try reader.zigzag()
        while !reader.isAtEnd { page.add(try reader.text()) }
      }
    }
    return (page, total)
  }

  /// All users of a partition, by number, and their texts.
  private static func forEachUser(
    _ snapshot: Snapshot, _ body: (_ number: Int, _ text: UnsafeRawBufferPointer) -> Void
  ) throws(Failure) {
    let all = KeyLayout.all("n")
    try snapshot.scan(from: all.start, to: all.end) { key, value throws(Failure) in
      var place = ByteReader(key, "users")
      _ = try place.byte()
      var number = Int(try place.bigEndian32())
      var reader = ByteReader(value, "users")
      while !reader.isAtEnd {
        body(number, try reader.text())
        number += 1
      }
      return true
    }
  }
}

/// The first texts of many, bytewise, in no more memory than these take twice.
private struct UserPage {
  let limit: Int
  let after: [UInt8]?
  private var texts: [[UInt8]] = []
  /// There are enough that come before this one.
  private var bound: [UInt8]?

  init(limit: Int, after: [UInt8]?) {
    self.limit = limit
    self.after = after
  }

  mutating func add(_ text: UnsafeRawBufferPointer) {
    if let after, after.withUnsafeBytes({ compareBytes(text, $0) }) <= 0 { return }
    if let bound, bound.withUnsafeBytes({ compareBytes(text, $0) }) >= 0 { return }
    texts.append(Array(text))
    guard texts.count >= 2 * limit + 64 else { return }
    texts = sorted
    bound = texts.last
  }

  var sorted: [[UInt8]] { Array(texts.sorted { $0.lexicographicallyPrecedes($1) }.prefix(limit)) }
}
