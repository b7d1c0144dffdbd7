import Basics
import Dataflow
import Seeded
import Stores

/// A topic that keeps the last value of each key, written as the runtime writes outputs: after each commit, unless the process
/// dies before, in between, or before the outbox is emptied; then before the next one.
final class Topic {
  private let plan: Plan
  private let outputs: Outputs
  private let partition: Int
  private var random: SeededRandom
  private let diePercent: Int
  /// By bytes: String takes é written in two ways for one text.
  private(set) var standing: [[UInt8]: [UInt8]] = [:]
  private(set) var tombstones = 0
  private(set) var deaths = 0

  init(_ plan: Plan, _ outputs: Outputs, partition: Int, diePercent: Int, _ random: SeededRandom) {
    self.plan = plan
    self.outputs = outputs
    self.partition = partition
    self.diePercent = diePercent
    self.random = random
  }

  func beforeCommit(_ store: Store) throws(Failure) { try write(store, all: true) }
  func afterCommit(_ store: Store) throws(Failure) { try write(store, all: false) }

  private func write(_ store: Store, all: Bool) throws(Failure) {
    let records = try Topic.read(plan, outputs, partition, store, whole: [])
    let dies = !all && random.chance(diePercent)
    for record in dies ? records.prefix(random.number(0...records.count)) : records[...] {
      standing[Array("\(record.target) ".utf8) + record.key] = record.value
      if record.value == nil { tombstones += 1 }
    }
    guard !dies else {
      deaths += 1
      return
    }
    let transaction = Transaction()
    let outbox = KeyLayout.all("x")
    outbox.start.span.withUnsafeBytes { transaction.deleteRange($0, outbox.end) }
    try store.commit(transaction)
  }

  /// What a target that has just become one is given.
  static func whole(_ plan: Plan, _ outputs: Outputs, partition: Int, _ store: Store) throws(Failure) -> [[UInt8]:
    [UInt8]]
  {
    var standing: [[UInt8]: [UInt8]] = [:]
    for record in try read(plan, outputs, partition, store, whole: Set(outputs.targets)) {
      standing[Array("\(record.target) ".utf8) + record.key] = record.value
    }
    return standing
  }

  private static func read(
    _ plan: Plan, _ outputs: Outputs, _ partition: Int, _ store: Store, whole: Set<Outputs.Target>
  ) throws(Failure) -> [OutputRecord] {
    var scan = try OutputScan(
      plan: plan, outputs: outputs, digest: "d", partition: partition, snapshot: store.snapshot(), whole: whole)
    var records: [OutputRecord] = []
    while !scan.isAtEnd { try scan.read(into: &records) }
    return records
  }
}
