import Basics
import Dataflow

/// Checkpoints of the generation that is served, on request.
///
/// Going back to one is not among them: answers are read from the state that it would replace, and nothing is wrong with that
/// state as long as it is read. What may be wrong with it a replay mends beside it.
extension ServedTopology {
  public var checkpoints: Checkpoints { Checkpoints(of: live.generation) }

  /// Copies all partitions as their last commits left them, and drops older checkpoints than the newest `keep`.
  ///
  /// - Errors: `.invalid` when a partition stopped: its state may be what is damaged.
  public func checkpoint(keep: Int?) throws(Failure) -> Checkpoints.Checkpoint {
    try changing { () throws(Failure) in
      let live = live
      if let stopped = live.statuses.first(where: { $0.failure != nil }) {
        throw .invalid(
          "partition \(stopped.partition) of '\(name)' stopped: \(stopped.failure!.message); a copy of it could not be gone back to"
        )
      }
      let stores = live.stores.withLock { $0 }
      return try Checkpoints(of: live.generation).create(keep: keep) { stores[$0] }
    }
  }

  public func drop(checkpoint id: Int) throws(Failure) -> Checkpoints.Checkpoint {
    try changing { () throws(Failure) in
      let found = try checkpoints.find(id)
      try checkpoints.drop(found)
      return found
    }
  }

  /// Copies one with its definition to a new directory of this machine. Nothing waits for it: one that is dropped meanwhile is
  /// reported as missing, and leaves nothing.
  ///
  /// - `id`: nil is the newest.
  public func export(checkpoint id: Int?, to directory: String) throws(Failure) -> Checkpoints.Checkpoint {
    guard directory.hasPrefix("/") else {
      throw .invalid("directory: '\(directory)' does not begin with '/': the server works in a directory of its own")
    }
    let checkpoints = checkpoints
    let found = try checkpoints.find(id)
    try checkpoints.export(found, to: directory)
    return found
  }
}
