import Basics
import Dataflow
import Events
import Oracle
import Seeded
import Stores

/// How a partition is worked off. No result may depend on it.
struct Schedule {
  var name: String
  /// Memory of the chain.
  var bytes: Int
  var batches: [Int]
  var commitPercent: Int
  var crashPercent: Int
  var releasePercent: Int

  /// All at once: what a replay on a large machine does.
  static let replay = Schedule(
    name: "replay", bytes: 64 << 20, batches: [1_000], commitPercent: 0, crashPercent: 0, releasePercent: 0)

  static func live(_ random: inout SeededRandom) -> Schedule {
    Schedule(
      name: "live", bytes: random.pick([64 << 10, 560 << 10, 64 << 20]),
      batches: random.pick([[1, 2, 5], [1, 10, 100], [50, 300]]), commitPercent: random.pick([5, 30, 80]),
      crashPercent: random.pick([0, 3, 10]), releasePercent: random.pick([0, 30, 100]))
  }
}

/// One partition's store and chain, driven over an array of records as the runtime drives them over a log.
final class PartitionRun {
  let store: Store
  private let plan: Plan
  private let partition: Int
  private let partitions: Int
  private let records: [Oracle.Record]
  private let schedule: Schedule
  private let batch: EventBatch
  private var chain: Chain
  private(set) var crashes = 0
  private let outputs: Outputs
  private let topic: Topic?

  init(
    _ plan: Plan, _ records: [Oracle.Record], partition: Int, of partitions: Int, _ schedule: Schedule,
    outputs: Outputs = Outputs(), topic: Topic? = nil
  ) throws(Failure) {
    self.outputs = outputs
    self.topic = topic
    self.plan = plan
    self.records = records
    self.partition = partition
    self.partitions = partitions
    self.schedule = schedule
    var options = Store.Options(budget: MemoryBudget(bytes: 64 << 20), stores: 8, merging: CellMerging())
    options.inMemory = true
    store = try Store(path: "/simulation/\(partition)", options)
    batch = EventBatch(projection: plan.projection)
    chain = try PartitionRun.chain(plan, store, schedule, records, outputs)
  }

  private static func chain(
    _ plan: Plan, _ store: Store, _ schedule: Schedule, _ records: [Oracle.Record], _ outputs: Outputs
  ) throws(Failure) -> Chain {
    try Chain(
      plan: plan, store: store, hasStamps: records.first?.stamp != nil, bytes: schedule.bytes, outputs: outputs)
  }

  var ledger: Dataflow.Ledger { chain.ledger }

  /// - `committed`: called after each commit.
  func run(
    _ random: inout SeededRandom, committed: (inout SeededRandom) throws(Failure) -> Void = { _ in }
  ) throws(Failure) {
    var next = 0
    while next < records.count {
      let end = min(records.count, next + random.pick(schedule.batches))
      try apply(next..<end)
      next = end
      if random.chance(schedule.commitPercent) || chain.wantsCommit {
        try commit(next)
        try committed(&random)
        if random.chance(schedule.releasePercent) { chain.releaseAll() }
      }
      if crashes < 20, random.chance(schedule.crashPercent) {
        // What was not committed is lost; the store tells where to go on.
        crashes += 1
        chain = try PartitionRun.chain(plan, store, schedule, records, outputs)
        next = try position()
      }
    }
    try commit(next)
    try committed(&random)
  }

  private func apply(_ range: Range<Int>) throws(Failure) {
    var bytes: [UInt8] = []
    var ranges: [ByteRange] = []
    var stamps: [Int64] = []
    for record in records[range] {
      ranges.append(ByteRange(offset: UInt32(bytes.count), length: UInt32(record.bytes.count)))
      bytes += record.bytes
      stamps.append(record.stamp ?? 0)
    }
    bytes += [UInt8](repeating: 0, count: 64)
    batch.decode(bytes, ranges: ranges, count: ranges.count)
    for row in 0..<batch.count where batch.status[row] == 0 {
      if partitions > 1, Int(batch.partitionHash[row]) % partitions != partition {
        batch.status[row] = Rejection.misplaced.rawValue
      }
    }
    try chain.prefetch(batch)
    chain.apply(batch, stamps: stamps)
  }

  private func commit(_ next: Int) throws(Failure) {
    try topic?.beforeCommit(store)
    let transaction = Transaction()
    try chain.commit(into: transaction)
    var value = ByteWriter()
    value.fixed64(UInt64(next))
    transaction.put(KeyLayout.position, value.bytes)
    try store.commit(transaction)
    chain.committed()
    try topic?.afterCommit(store)
  }

  private func position() throws(Failure) -> Int {
    guard let stored = try store.get(KeyLayout.position) else { return 0 }
    return Int(stored.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
  }
}
