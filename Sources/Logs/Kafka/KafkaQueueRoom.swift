import Synchronization

/// Bytes that may wait for Kafka's acknowledgement at once.
final class KafkaQueueRoom: Sendable {
  private let limit: Int
  private let used = Mutex(0)

  init(bytes: Int) { limit = bytes }

  /// False, and nothing taken, when there is not so much room. A request larger than all of it may be alone.
  func take(_ bytes: Int) -> Bool {
    used.withLock { used in
      guard used == 0 || used + bytes <= limit else { return false }
      used += bytes
      return true
    }
  }

  func give(_ bytes: Int) { used.withLock { $0 -= bytes } }

  var bytesUsed: Int { used.withLock { $0 } }
}
