import CRdKafka

/// One partition's queue of fetched messages.
///
/// `@unchecked Sendable`: everything is only touched with `lock` held; a reader holds it while it looks at messages, so that
/// whoever takes the partition away cannot free them under it.
final class KafkaFeed: @unchecked Sendable {
  let lock = Lock()
  /// Nil once closed.
  private var queue: OpaquePointer?
  /// A queue that nothing ever comes to.
  private let empty: OpaquePointer

  /// - `queue`, `empty`: its own from now on.
  init(queue: OpaquePointer, empty: OpaquePointer) {
    self.queue = queue
    self.empty = empty
  }

  deinit { close() }

  var isClosed: Bool { queue == nil }
  /// Messages that were fetched and not handed out.
  var waiting: Int { queue.map(rd_kafka_queue_length) ?? 0 }

  /// Frees the queues, which belong to librdkafka: that must not be destroyed before.
  func close() {
    guard let queue else { return }
    rd_kafka_queue_destroy(queue)
    rd_kafka_queue_destroy(empty)
    self.queue = nil
  }

  /// Shows `reader` the messages that have been fetched, in order, until it has enough, and how many that were. It waits for the
  /// first one.
  ///
  /// By callback: librdkafka takes its lock once for all of them, notes each one as taken just before it is shown, and puts back
  /// what is left. `rd_kafka_consume_batch_queue` before 2.1 (pull request 4208) loses what it has in hand when partitions are
  /// held for a moment, as at every rebalance, and goes on behind it.
  func show(_ reader: KafkaReader, milliseconds: Int32) -> Int {
    guard let queue else { return 0 }
    let show: @convention(c) (UnsafeMutablePointer<rd_kafka_message_t>?, UnsafeMutableRawPointer?) -> Void = {
      // It yields for the thread, whatever the handle.
      let message = $0!
      let wantsMore = Unmanaged<KafkaReader>.fromOpaque($1!)._withUnsafeGuaranteedRef { $0.take(message) }
      if !wantsMore { rd_kafka_yield(nil) }
    }
    let count = rd_kafka_consume_callback_queue(
      queue, milliseconds, show, Unmanaged.passUnretained(reader).toOpaque())
    // That a callback of this thread has yielded is kept until it looks at a queue again, and other calls would believe it.
    _ = rd_kafka_consume_queue(empty, 0)
    return Int(count)
  }
}
