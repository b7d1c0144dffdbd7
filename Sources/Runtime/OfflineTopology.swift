import Basics
import Dataflow
import Logs
import Stores

/// A generation opened for reading only, by a command that runs while no server does.
public final class OfflineTopology: Sendable {
  public let generation: Generation
  private let plan: Plan
  private let stores: [Int: Store]
  private let missing: [MissingPartition]
  private let data: DataDirectory

  /// - `number`: nil is the generation that is served.
  public convenience init(
    _ data: DataDirectory, topology: String, number: Int? = nil, memory: Int
  ) throws(Failure) {
    try self.init(data, try Generation.load(data, topology: topology, number: number), memory: memory)
  }

  init(_ data: DataDirectory, _ generation: Generation, memory: Int) throws(Failure) {
    self.data = data
    self.generation = generation
    plan = try Plan(generation.topology)
    let budget = MemoryBudget(bytes: memory)
    var stores: [Int: Store] = [:]
    var missing: [MissingPartition] = []
    for partition in 0..<generation.partitionCount {
      if let message = generation.stopped(partition) {
        missing.append(MissingPartition(partition: partition, message: message))
      }
      guard DurableFile.list("\(generation.partitionDirectory(partition))/state").contains("CURRENT") else { continue }
      do throws(Failure) {
        stores[partition] = try generation.openStore(partition, budget: budget, readOnly: true)
      } catch {
        if !missing.contains(where: { $0.partition == partition }) {
          missing.append(MissingPartition(partition: partition, message: error.message))
        }
      }
    }
    self.stores = stores
    self.missing = missing
  }

  public func reading() throws(Failure) -> Reading {
    let snapshots = stores.keys.sorted().map { stores[$0]!.snapshot() }
    let answers = try Answers(plan: plan, snapshots: snapshots)
    var offsets: [Int: Int64] = [:]
    for (partition, store) in stores { offsets[partition] = try PartitionTask.position(in: store)?.offset ?? 0 }
    // The least of the partitions: one that was killed on its way, or had nothing to read lately, promises no more.
    var until: Int64?
    for snapshot in snapshots {
      let frontier = try Frontier(snapshot)
      if let time = frontier.newestStamp ?? frontier.newestTime { until = min(until ?? time, time) }
    }
    return Reading(
      topology: generation.topology, generation: generation.number, digest: generation.digest, answers: answers,
      offsets: offsets, partial: missing, completeUntil: until, takenAt: wallMilliseconds(),
      exactFrom: generation.exactFrom)
  }

  /// By partition, without those that have no state.
  var snapshots: [Int: Snapshot] { stores.mapValues { $0.snapshot() } }

  /// As the last commits left them.
  public func statuses() throws(Failure) -> [PartitionStatus] {
    var all: [PartitionStatus] = []
    for partition in 0..<generation.partitionCount {
      let columns = plan.projection.columns.count
      var status = PartitionStatus(partition: partition, ledger: Ledger(columns: columns))
      if let store = stores[partition] {
        status = try PartitionStatus(partition: partition, of: store, generation, columns: columns)
      }
      status.state = .finished
      if let gone = missing.first(where: { $0.partition == partition }) {
        status.state = .stopped(.corrupt(gone.message))
      }
      all.append(status)
    }
    return all
  }

  /// Rejected records in partition and offset order, until `body` returns false.
  public func rejected(_ body: (RejectedRecord) throws(Failure) -> Bool) throws(Failure) {
    for partition in stores.keys.sorted() {
      guard try RejectedRecords.list(stores[partition]!.snapshot(), partition: partition, body) else { return }
    }
  }

  public var stateBytes: Int { generation.stateBytes }
}
