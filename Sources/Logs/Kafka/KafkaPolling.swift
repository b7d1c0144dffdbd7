import CRdKafka
import Foundation
import Synchronization

/// A thread that serves a producer's callbacks.
///
/// `@unchecked Sendable`: the handle is set once, and `rd_kafka_poll` may be called from any thread.
final class KafkaPolling: @unchecked Sendable {
  private let handle: OpaquePointer
  private let isStopping = Atomic<Bool>(false)
  private let ended = DispatchGroup()

  private static let milliseconds: Int32 = 100

  init(_ handle: OpaquePointer, name: String) {
    self.handle = handle
    ended.enter()
    let thread = Thread { [self] in
      while !isStopping.load(ordering: .acquiring) { rd_kafka_poll(self.handle, KafkaPolling.milliseconds) }
      ended.leave()
    }
    thread.name = name
    thread.start()
  }

  /// Returns when the thread has ended.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    ended.wait()
  }
}
