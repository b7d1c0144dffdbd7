import Basics
import Dataflow
import Glibc
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
      if let store {
        if !lost { checkpoint(partition, store) }
        kept.withLock { $0[partition] = store }
      }
      var status = pool.status.first { $0.partition == partition }!
      status.state = .elsewhere(since: wallMilliseconds())
      pool.set(status)
    }
  }

  /// A log that has failed for good, as one whose topic is gone, takes its partitions away without a word, and they would
  /// seem to be another instance's. They stop instead, and say why.
  func stopIfLogFailed() {
    guard let failure = (log as? KafkaLog)?.failure else { return }
    for var status in pool.status where !status.isHere {
      status.state = .stopped(failure)
      pool.set(status)
      generation.setStopped(status.partition, failure.message)
      onStop(status.partition, failure)
    }
  }

  /// Leaves copies of all states for other instances.
  func checkpoint() {
    guard options.checkpoints != nil else { return }
    for (partition, store) in stores.withLock({ $0 }).sorted(by: { $0.key < $1.key }) { checkpoint(partition, store) }
  }

  private func checkpoint(_ partition: Int, _ store: Store) {
    guard let checkpoints = options.checkpoints else { return }
    do throws(Failure) {
      try checkpoints.save(
        store, partition: partition, start: generation.starts[partition],
        scratch: generation.partitionDirectory(partition))
    } catch {
      // The state is whole without it; only a next owner has more to read.
      options.report("no checkpoint of partition \(partition): \(error.message)")
    }
  }

  /// The state of this process, or one that another instance brought further.
  private func open(_ partition: Int) throws(Failure) -> Store {
    if let checkpoints = options.checkpoints {
      let state = "\(generation.partitionDirectory(partition))/state"
      StateCopy.finishExchange(state)
      let own = try ownOffset(partition)
      if let own, checkpoints.newest(partition: partition, start: generation.starts[partition]) ?? 0 > own,
        !letGo(partition)
      {
        return kept.withLock { $0.removeValue(forKey: partition)! }
      }
      try DurableFile.makeDirectory(generation.partitionDirectory(partition))
      _ = try checkpoints.fetch(
        partition: partition, start: generation.starts[partition], furtherThan: own ?? 0, into: state)
    }
    if let store = kept.withLock({ $0.removeValue(forKey: partition) }) { return store }
    return try generation.openStore(partition, budget: budget, readOnly: false)
  }

  /// Where our own state stands; nil when there is none.
  private func ownOffset(_ partition: Int) throws(Failure) -> Int64? {
    if let store = kept.withLock({ $0[partition] }) { return try PartitionTask.position(in: store)?.offset }
    let state = "\(generation.partitionDirectory(partition))/state"
    guard !DurableFile.list(state).isEmpty else { return nil }
    let store = try generation.openStore(partition, budget: budget, readOnly: false)
    kept.withLock { $0[partition] = store }
    return try PartitionTask.position(in: store)?.offset
  }

  /// Closes the kept store, so that its directory may be exchanged; false when a query does not end.
  private func letGo(_ partition: Int) -> Bool {
    weak let store = kept.withLock { $0.removeValue(forKey: partition) }
    for _ in 0..<5_000 {
      if store == nil { return true }
      usleep(1_000)
    }
    if let store { kept.withLock { $0[partition] = store } }
    return store == nil
  }
}
