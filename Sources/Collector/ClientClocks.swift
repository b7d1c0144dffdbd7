import Synchronization

/// How far the times that senders tell are from ours. Only measured: times stay as they came, since moving those of a batch
/// would put a device's events in another order.
public final class ClientClocks: Sendable {
  /// Differences, received minus told: positive is what lies in our past.
  public struct Distribution: Sendable, Equatable {
    /// Milliseconds. About nothing, a device that waited for its network, one whose clock is an hour or a day off.
    public static let bounds: [Int64] = [
      -86_400_000, -3_600_000, -60_000, -5_000, -1_000, 1_000, 5_000, 60_000, 3_600_000, 86_400_000,
    ]

    /// How many are at most each bound and above the one before; the last are above all.
    public private(set) var counts = [Int64](repeating: 0, count: bounds.count + 1)
    /// Milliseconds. Of times that may be anything, so that no number of them overflows.
    public private(set) var sum: Int128 = 0

    mutating func add(received: Int64, told: Int64) {
      let (difference, overflows) = received.subtractingReportingOverflow(told)
      let clamped = overflows ? (told < 0 ? Int64.max : Int64.min) : difference
      var index = 0
      while index < Distribution.bounds.count, clamped > Distribution.bounds[index] { index += 1 }
      counts[index] += 1
      sum += Int128(clamped)
    }

    mutating func add(_ other: Distribution) {
      for index in counts.indices { counts[index] += other.counts[index] }
      sum += other.sum
    }

    mutating func clear() {
      for index in counts.indices { counts[index] = 0 }
      sum = 0
    }
  }

  private let state = Mutex((sent: Distribution(), events: Distribution()))

  /// Of what says when it was sent: the sender's clock, and the way.
  public var sent: Distribution { state.withLock { $0.sent } }
  /// Of the usable events: also how long they waited at the sender's.
  public var events: Distribution { state.withLock { $0.events } }

  /// - `sentAt`: by the sender's clock, nil when it did not say.
  func add(received: Int64, sentAt: Int64?, events: Distribution) {
    state.withLock { state in
      if let sentAt { state.sent.add(received: received, told: sentAt) }
      state.events.add(events)
    }
  }
}
