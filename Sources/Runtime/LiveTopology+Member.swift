import Basics
import Dataflow
import Glibc
import Logs
import Stores

/// Partitions come and go with the consumer group. A partition's state stays in this process's data directory: when it comes
/// back, it goes on from there, and what others counted meanwhile is read again from the log.
extension LiveTopology: KafkaMember {
  public func assigned(_ partitions: [Int]) {
    becomeMember(with: partitions)
    // What is given to one that is leaving goes back in a moment.
    if isMember { take(partitions) }
  }

  /// Works on partitions from now on, each from where its state stands.
  func take(_ partitions: [Int]) {
    let (log, outputs) = membership.withLock { ($0.log, $0.outputs) }
    var task = options.task
    task.outputs = outputs
    // Before anything of ours is told, which would take the place of what the group knows.
    noteHandedOver(partitions, new: Set(partitions).subtracting(stores.withLock { $0.keys }))
    for partition in partitions {
      do throws(Failure) {
        let held = stores.withLock { $0[partition] }
        let store = held == nil ? try open(partition) : held!
        // Before it is said to be here, or an answer could miss it without a word.
        stores.withLock { $0[partition] = store }
        pool.add(
          try PartitionTask(
            partition: partition, of: log,
            from: { () throws(Failure) in try generation.firstPosition(partition, of: log) }, plan: plan, store: store,
            bytes: budget.operatorBytes(partitions: options.partitionsInProcess), options: task))
        generation.setStopped(partition, nil)
      } catch {
        let columns = plan.projection.columns.count
        // What its store holds is still answered, so it is also told.
        let held = stores.withLock { $0[partition] }.flatMap {
          try? PartitionStatus(partition: partition, of: $0, generation, columns: columns)
        }
        var status = held ?? PartitionStatus(partition: partition, ledger: Ledger(columns: columns))
        status.state = .stopped(error)
        pool.set(status)
        generation.setStopped(partition, error.message)
        onStop(partition, error)
      }
    }
  }

  public func revoked(_ partitions: [Int], lost: Bool) {
    let standing = membership.withLock { $0.standing }
    guard standing == .member || standing == .leaving else { return }
    for partition in partitions { release(partition, commits: !lost) }
    // Refused while yet another rebalance begins: what was told a moment ago counts then.
    if !lost { try? tell(before: partitions) }
    guard standing == .member else { return }
    for partition in partitions {
      if !lost, let store = stores.withLock({ $0[partition] }) { checkpoint(partition, store) }
      giveAway(partition)
    }
  }

  /// What answers read no longer moves here, so it leaves them.
  func giveAway(_ partition: Int) {
    if let store = stores.withLock({ $0.removeValue(forKey: partition) }) {
      kept.withLock { $0[partition] = store }
    }
    var status = pool.status.first { $0.partition == partition }!
    let now = wallMilliseconds()
    givenAway.withLock { $0[partition] = (max($0[partition]?.offset ?? 0, status.offset), now) }
    status.state = .elsewhere(since: now)
    pool.set(status)
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
    // What is built is built from the log: states that others left are only for whoever is a member.
    if let checkpoints = options.checkpoints, isMember {
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
