import Basics
import CRdKafka
import Synchronization

/// Records that one hand wrote and waits for. Each message on its way holds it.
public final class KafkaDelivery: Sendable {
  private struct State {
    var waiting = 0
    var failure: Failure?
  }

  private let state = Mutex(State())

  public init() {}

  /// Records without an acknowledgement yet.
  public var waiting: Int { state.withLock { $0.waiting } }
  /// The first that was not taken.
  public var failure: Failure? { state.withLock { $0.failure } }

  func add() { state.withLock { $0.waiting += 1 } }

  func report(_ failure: Failure?) {
    state.withLock { state in
      state.waiting -= 1
      if state.failure == nil { state.failure = failure }
    }
  }
}
