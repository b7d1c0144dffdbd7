import Foundation
import Glibc
import Runtime
import Synchronization

/// Ends connections on which a request's head does not come to its end. The library gives up on one that is silent; one that says
/// a letter now and then it would keep for ever.
///
/// A descriptor is only touched while its connection is in the table, under the lock that the library's thread needs to take it
/// out, which it does before it closes it.
final class SlowHeads: Sendable {
  /// One connection; the library keeps the address of the object.
  final class Connection: Sendable {
    let descriptor: Int32
    /// When its head began to be awaited; nil while a request is at work.
    let since: Mutex<Int64?>

    init(_ descriptor: Int32) {
      self.descriptor = descriptor
      since = Mutex(monotonicMilliseconds())
    }

    func headIsThere() { since.withLock { $0 = nil } }
    func requestIsDone() { since.withLock { $0 = monotonicMilliseconds() } }
  }

  private let limitMilliseconds: Int64
  private let connections = Mutex<[ObjectIdentifier: Connection]>([:])
  private let ending = DispatchSemaphore(value: 0)
  private let ended = DispatchGroup()

  init(limitMilliseconds: Int64) { self.limitMilliseconds = limitMilliseconds }

  func start() {
    ended.enter()
    let thread = Thread { [self] in
      let pause = min(1_000, max(10, Int(limitMilliseconds / 4)))
      while ending.wait(timeout: .now() + .milliseconds(pause)) == .timedOut { sweep() }
      ended.leave()
    }
    thread.name = "slow-heads"
    thread.start()
  }

  func stop() {
    ending.signal()
    ended.wait()
  }

  func add(_ connection: Connection) { connections.withLock { $0[ObjectIdentifier(connection)] = connection } }
  func remove(_ connection: Connection) {
    _ = connections.withLock { $0.removeValue(forKey: ObjectIdentifier(connection)) }
  }

  private func sweep() {
    let latest = monotonicMilliseconds() - limitMilliseconds
    connections.withLock { connections in
      for connection in connections.values where connection.since.withLock({ $0.map { $0 < latest } ?? false }) {
        // The library sees its end and cleans up.
        shutdown(connection.descriptor, Int32(SHUT_RDWR))
      }
    }
  }
}
