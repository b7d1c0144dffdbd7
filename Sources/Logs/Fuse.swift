import Basics
import Synchronization

/// Blows once and stays blown: after a failed fdatasync nobody can know what is on the disk, and asking again would
/// be answered with a success that means nothing. Only opening the log again, which reads it, helps.
final class Fuse: Sendable {
  private let failure = Mutex<Failure?>(nil)

  func check() throws(Failure) {
    if let failure = failure.withLock({ $0 }) { throw failure }
  }

  func blow(_ cause: Failure) {
    failure.withLock { if $0 == nil { $0 = cause } }
  }
}
