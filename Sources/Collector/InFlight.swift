import Synchronization

/// Bytes that were sent to us and are not yet durable, or being read: bounded, so that a log that is slow makes senders wait
/// and not our memory grow.
final class InFlight: Sendable {
  let limit: Int
  private let used = Mutex(0)

  init(limit: Int) { self.limit = limit }

  /// False, and nothing taken, when there is not so much room.
  func take(_ bytes: Int) -> Bool {
    used.withLock { used in
      guard used + bytes <= limit else { return false }
      used += bytes
      return true
    }
  }

  func give(_ bytes: Int) { used.withLock { $0 -= bytes } }

  var bytes: Int { used.withLock { $0 } }
}

/// Room for one request, given back when nobody holds it any more.
public final class Permit: Sendable {
  private let room: InFlight
  private let taken: Mutex<Int>

  /// Nil when there is no room.
  init?(_ room: InFlight, bytes: Int) {
    guard room.take(bytes) else { return nil }
    self.room = room
    taken = Mutex(bytes)
  }

  deinit { room.give(taken.withLock { $0 }) }

  /// False when there is no room for so many more bytes.
  func grow(_ bytes: Int) -> Bool {
    guard room.take(bytes) else { return false }
    taken.withLock { $0 += bytes }
    return true
  }
}
