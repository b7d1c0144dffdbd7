import CRdKafka
import Foundation

/// Destroys a handle of librdkafka, which ends its threads.
enum KafkaEnding {
  private static let milliseconds = 5_000

  /// librdkafka is known to wait for a thread of its own for ever, as after a topic was deleted. Nothing is lost then but
  /// memory, so after a while it is left alone with what its callbacks need.
  static func destroy(_ handle: OpaquePointer, keeping events: KafkaEvents) {
    let done = DispatchSemaphore(value: 0)
    nonisolated(unsafe) let handle = handle
    let thread = Thread {
      rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
      withExtendedLifetime(events) { _ = done.signal() }
    }
    thread.name = "kafka-end"
    thread.start()
    _ = done.wait(timeout: .now() + .milliseconds(milliseconds))
  }
}
