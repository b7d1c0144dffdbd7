import Basics
import Logs
import Synchronization

/// Where events are appended. Called from any thread.
protocol Destination: Sendable {
  /// Copies what the intake holds and returns; `done` is called once, from any thread, when all of it is durable or when it is
  /// known not to be.
  ///
  /// - Errors: `.unavailable` when nothing can be appended now; then `done` is not called. Part of the events may be in the log
  ///   all the same: whoever sends them again sends them under their ids.
  func append(_ intake: Intake, done: @escaping @Sendable (Failure?) -> Void) throws(Failure)

  /// Returns when every `done` was called. Nothing may be appended any more.
  func stop()
}
