import Basics
import Dataflow

/// Copies of what is served, made by age and kept by count: what a damaged or lost state goes back to.
extension LiveTopology {
  private static let spareBytes: Int64 = 256 << 20

  /// Makes one when the newest is older than so long and the state has moved since; says why when it cannot.
  func checkpointIfDue(every milliseconds: Int64, keep: Int, since start: Int64) {
    let checkpoints = Checkpoints(of: generation)
    do throws(Failure) {
      let newest = try checkpoints.list().last
      guard wallMilliseconds() - (newest?.createdAt ?? start) >= milliseconds else { return }
      let stores = stores.withLock { $0 }
      // Of a partition that stopped the state may be what is damaged, and the checkpoint before what mends it.
      let statuses = statuses
      guard stores.count == generation.partitionCount, statuses.allSatisfy({ $0.failure == nil }) else { return }
      guard newest?.offsets != statuses.map(\.offset) else { return }
      if let free = DurableFile.freeBytes(generation.directory), free < LiveTopology.spareBytes {
        throw .unavailable("the disk is nearly full: \(free >> 20) MiB are free")
      }
      let made = try checkpoints.create(keep: keep) { stores[$0] }
      options.report("checkpoint \(made.id) of topology '\(generation.topology.name)'")
    } catch {
      options.report("no checkpoint of topology '\(generation.topology.name)': \(error.message)")
    }
  }
}
