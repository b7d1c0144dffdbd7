import Basics
import Dataflow
import Logs
import Stores

/// Partitions come and go with the consumer group. A partition's state stays in this process's data directory: when it comes
/// back, it goes on from there, and what others counted meanwhile is read again from the log.
extension LiveTopology: KafkaMember {
  public func assigned(_ partitions: [Int]) {
    for partition in partitions {
      do throws(Failure) {
        let store = try open(partition)
        let task = try PartitionTask(
          partition: partition, of: log,
          from: { () throws(Failure) in try generation.firstPosition(partition, of: log) }, plan: plan, store: store,
          bytes: budget.operatorBytes(partitions: options.partitionsInProcess), options: options.task)
        generation.setStopped(partition, nil)
        stores.withLock { $0[partition] = store }
        pool.add(task)
      } catch {
        var status = PartitionStatus(
          partition: partition, ledger: Ledger(columns: plan.projection.columns.count))
        status.state = .stopped(error)
        pool.set(status)
        generation.setStopped(partition, error.message)
        onStop(partition, error)
      }
    }
  }

  public func revoked(_ partitions: [Int], lost: Bool) {
    for partition in partitions {
      do throws(Failure) { try pool.remove(partition, commits: !lost) } catch { onStop(partition, error) }
      // What answers read no longer moves here, so it leaves them.
      let store = stores.withLock { $0.removeValue(forKey: partition) }
      if let store { kept.withLock { $0[partition] = store } }
      var status = pool.status.first { $0.partition == partition }!
      status.state = .elsewhere(since: wallMilliseconds())
      pool.set(status)
    }
  }

  private func open(_ partition: Int) throws(Failure) -> Store {
    if let store = kept.withLock({ $0.removeValue(forKey: partition) }) { return store }
    return try generation.openStore(partition, budget: budget, readOnly: false)
  }
}
