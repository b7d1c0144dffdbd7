import Basics

/// Callers of `sync` that share one round of fdatasync, and its result. Guarded by the log's commit lock.
final class CommitGroup {
  var isDone = false
  var failure: Failure?
}
