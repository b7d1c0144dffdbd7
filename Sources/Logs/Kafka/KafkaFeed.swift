import CRdKafka

/// One partition's queue of fetched messages, and those taken from it that nobody has handed out yet.
///
/// `@unchecked Sendable`: everything is only touched with `lock` held; a reader holds it while it looks at messages, so that
/// whoever takes the partition away cannot free them under it.
final class KafkaFeed: @unchecked Sendable {
  private static let capacity = 8_192
  /// So many messages are worth a batch, and no more are waited for.
  private static let enough = 256

  let lock = Lock()
  /// Nil once closed.
  private var queue: OpaquePointer?
  private let messages: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>
  private var next = 0
  private var count = 0
  /// There is not as much left for another `fill` as the last one wanted.
  private(set) var isLow = false

  init(queue: OpaquePointer) {
    self.queue = queue
    messages = .allocate(capacity: KafkaFeed.capacity)
  }

  deinit {
    close()
    messages.deallocate()
  }

  var isClosed: Bool { queue == nil }
  /// Messages that were taken and not handed out.
  var waiting: Int { count - next }

  /// Frees everything that belongs to librdkafka, which must not be destroyed before.
  func close() {
    dropMessages()
    if let queue { rd_kafka_queue_destroy(queue) }
    queue = nil
  }

  func dropMessages() {
    while next < count { removeFirst() }
  }

  /// The first message that was not handed out; nil when all were.
  var first: UnsafeMutablePointer<rd_kafka_message_t>? { next < count ? messages[next] : nil }

  func removeFirst() {
    rd_kafka_message_destroy(messages[next])
    next += 1
  }

  /// Takes what has been fetched, after all that was taken was handed out; false when there is nothing yet. It waits the
  /// whole time when there are only few messages.
  ///
  /// One by one: `rd_kafka_consume_batch_queue` before librdkafka 2.1 (pull request 4208) loses what it has in hand when
  /// partitions are held for a moment, as at every rebalance, and goes on behind it. It takes a lock for each message, too.
  func fill(wanted: Int, milliseconds: Int32) -> Bool {
    precondition(next == count, "\(count - next) messages are still to be handed out")
    guard let queue else { return false }
    (next, count) = (0, 0)
    let limit = max(1, min(wanted, KafkaFeed.capacity))
    let deadline = milliseconds > 0 ? ClockGuard.monotonicMilliseconds() + Int64(milliseconds) : 0
    var wait: Int32 = 0
    while count < limit {
      if let message = rd_kafka_consume_queue(queue, wait) {
        messages[count] = message
        count += 1
        wait = 0
        continue
      }
      guard milliseconds > 0, count < KafkaFeed.enough else { break }
      wait = Int32(deadline - ClockGuard.monotonicMilliseconds())
      if wait <= 0 { break }
    }
    isLow = rd_kafka_queue_length(queue) < limit
    return count > 0
  }
}
