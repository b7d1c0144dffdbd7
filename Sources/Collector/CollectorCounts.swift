import Synchronization

/// What has become of events since the start.
public final class CollectorCounts: Sendable {
  private let numbers = Mutex<(taken: Int64, refused: Int64)>((0, 0))

  public var taken: Int64 { numbers.withLock { $0.taken } }
  public var refused: Int64 { numbers.withLock { $0.refused } }

  func add(taken: Int, refused: Int) {
    numbers.withLock {
      $0.taken += Int64(taken)
      $0.refused += Int64(refused)
    }
  }
}
