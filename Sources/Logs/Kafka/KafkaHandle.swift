import Basics
import CRdKafka
import Foundation

/// Owns a `rd_kafka_t`. Whoever calls librdkafka from a thread that does not know when the end comes does it inside `use`.
///
/// `@unchecked Sendable`: `pointer` is set once and librdkafka's calls may come from any thread; the rest is only touched with
/// `lock` held.
final class KafkaHandle: @unchecked Sendable {
  let pointer: OpaquePointer
  /// Its callbacks report there, so it lives as long.
  private let events: KafkaEvents
  private let lock = Lock()
  private var uses = 0
  private var isEnding = false

  private static let endMilliseconds = 5_000

  /// Takes the configuration over.
  /// - Errors: `.invalid` in librdkafka's words.
  init(_ kind: rd_kafka_type_t, _ conf: OpaquePointer, events: KafkaEvents) throws(Failure) {
    var text = [CChar](repeating: 0, count: 512)
    guard let pointer = rd_kafka_new(kind, conf, &text, text.count) else {
      rd_kafka_conf_destroy(conf)
      throw .invalid("Kafka: \(KafkaText.from(text))")
    }
    self.pointer = pointer
    self.events = events
    // Words come like all other reports then, on the thread that polls, and never on one of librdkafka's own.
    _ = rd_kafka_set_log_queue(pointer, nil)
  }

  /// Nil once the end has begun.
  func use<T>(_ body: (OpaquePointer) throws(Failure) -> T) throws(Failure) -> T? {
    lock.lock()
    guard !isEnding else {
      lock.unlock()
      return nil
    }
    uses += 1
    lock.unlock()
    defer {
      lock.lock()
      uses -= 1
      if uses == 0 { lock.wakeAll() }
      lock.unlock()
    }
    return try body(pointer)
  }

  /// From now on nobody uses it; waits for those that do. False when that was so already.
  func end() -> Bool {
    lock.lock()
    defer { lock.unlock() }
    guard !isEnding else { return false }
    isEnding = true
    while uses > 0 { lock.wait() }
    return true
  }

  /// Ends librdkafka's threads, once after `end`.
  ///
  /// librdkafka is known to wait for a thread of its own for ever, as after a topic was removed. Nothing is lost then but
  /// memory, so after a while it is left alone.
  func destroy() {
    let done = DispatchSemaphore(value: 0)
    let thread = Thread { [self] in
      rd_kafka_destroy_flags(pointer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
      withExtendedLifetime(events) { _ = done.signal() }
    }
    thread.name = "kafka-end"
    thread.start()
    _ = done.wait(timeout: .now() + .milliseconds(KafkaHandle.endMilliseconds))
  }
}
