import Basics
import Runtime
import Synchronization

/// Looks, while an answer is put together, whether somebody still waits for it and whether it takes too long.
final class QueryWatch: Sendable {
  private let startedAt = monotonicMilliseconds()
  private let lookedAt = Mutex(Int64(0))
  private let milliseconds: Int64
  private let isGone: @Sendable () -> Bool

  init(milliseconds: Int64, isGone: @escaping @Sendable () -> Bool) {
    self.milliseconds = milliseconds
    self.isGone = isGone
  }

  var interruption: Failure? {
    let now = monotonicMilliseconds()
    guard now - startedAt < milliseconds else {
      return .invalid(
        "the answer takes more than \(milliseconds / 1_000) s to put together: narrow the range, take a coarser "
          + "granularity, or group by less")
    }
    // Asked for every block, and a look at the connection is a system call.
    let isDue = lookedAt.withLock { last in
      guard now - last >= 50 else { return false }
      last = now
      return true
    }
    return isDue && isGone() ? .unavailable("whoever asked has gone") : nil
  }
}
