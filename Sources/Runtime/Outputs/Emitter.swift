import Basics
import Dataflow
import Foundation
import Logs
import Stores

/// Brings what a partition's commits changed to the topics that are to have it.
///
/// A commit puts the names of what it changed into the outbox, in the same write as the state. They are read from there with
/// their values as they stand, and removed once Kafka has acknowledged all of them; after a crash what is still there is written
/// again. The next commit waits for that, so the outbox is what one commit changed, and a topic is never further behind than
/// one. Owned by whoever has the partition's task; nothing here blocks, except `finish`.
final class Emitter {
  private enum Phase {
    case idle
    /// Reads and hands over.
    case sending
    /// All was handed over, not all is acknowledged.
    case awaiting
    /// Kafka did not take something; from then on, by the monotonic clock, all is written again.
    case resting(until: Int64)
  }

  private let sink: OutputSink
  private let partition: Int
  private let store: Store
  private var phase = Phase.idle
  private(set) var status = OutputStatus()

  /// Targets of which everything is to be written, since their topics have nothing yet.
  private var whole: Set<Outputs.Target>
  private var snapshot: Snapshot?
  private var scan: OutputScan?
  /// The key at which the scan of dead letters goes on; nil once it is over.
  private var deadLetter: [UInt8]?
  private var records: [OutputRecord] = []
  private var headers: [[(name: String, value: String)]] = []
  private var nextRecord = 0
  private var delivery = KafkaDelivery()
  private var bytes: Int64 = 0
  private var count: Int64 = 0
  /// The offset at which the values stand.
  private var offset: Int64

  /// How long one call may keep the partition's thread, and how soon a refusal is tried again; milliseconds.
  private static let turnMilliseconds: Int64 = 20
  private static let restMilliseconds: Int64 = 1_000

  /// Goes on with what an earlier process left in the outbox, and with targets that are new.
  ///
  /// - `offset`: at which the store stands.
  init(_ sink: OutputSink, partition: Int, store: Store, offset: Int64) throws(Failure) {
    self.sink = sink
    self.partition = partition
    self.store = store
    self.offset = offset
    let known = try Emitter.written(store)
    whole = Set(sink.outputs.targets.filter { !known.contains(Emitter.line($0, sink.outputs)) })
    var isEmpty = true
    let all = KeyLayout.all("x")
    try store.snapshot().scan(from: all.start, to: all.end) { _, _ in
      isEmpty = false
      return false
    }
    if !isEmpty || known != Set(sink.outputs.targets.map { Emitter.line($0, sink.outputs) }) { begin(offset: offset) }
  }

  /// Whether the outputs of the last commit are not all acknowledged yet.
  var isBusy: Bool {
    if case .idle = phase { return false }
    return true
  }

  /// Called right after a commit, when not busy.
  func begin(offset: Int64) {
    self.offset = offset
    status.waitingSince = status.waitingSince ?? wallMilliseconds()
    restart()
  }

  /// Goes on for a while, without waiting.
  ///
  /// - Errors: `.corrupt` as reading the store; `.invalid` when Kafka never takes a record; `.unavailable` when its client gave
  ///   up.
  func advance() throws(Failure) {
    if case .resting(let until) = phase, monotonicMilliseconds() >= until { restart() }
    if case .sending = phase { try send() }
    if case .awaiting = phase { try settle() }
    status.pending = delivery.waiting
  }

  /// Returns when all is acknowledged, or after so long; whether it is.
  func finish(milliseconds: Int64 = 5_000) throws(Failure) -> Bool {
    let deadline = monotonicMilliseconds() + (sink.isAway ? 0 : milliseconds)
    try advance()
    while isBusy {
      guard monotonicMilliseconds() < deadline else {
        sink.isAway = true
        return false
      }
      Thread.sleep(forTimeInterval: 0.002)
      try advance()
    }
    return true
  }

  private func restart() {
    phase = .sending
    snapshot = nil
    records.removeAll(keepingCapacity: true)
    headers.removeAll(keepingCapacity: true)
    nextRecord = 0
    count = 0
    bytes = 0
    delivery = KafkaDelivery()
  }

  private func send() throws(Failure) {
    if snapshot == nil {
      let snapshot = store.snapshot()
      self.snapshot = snapshot
      scan = try OutputScan(
        plan: sink.plan, outputs: sink.outputs, digest: sink.digest, partition: partition, snapshot: snapshot,
        whole: whole)
      deadLetter = KeyLayout.Outbox.deadLetters.range.start
    }
    let until = monotonicMilliseconds() + Emitter.turnMilliseconds
    while monotonicMilliseconds() < until, delivery.failure == nil {
      if nextRecord == records.count, try !readMore() {
        phase = .awaiting
        snapshot = nil
        scan = nil
        return
      }
      while nextRecord < records.count {
        guard try sink.put(records[nextRecord], headers: headers[nextRecord], for: delivery) else { return }
        count += 1
        bytes += Int64(records[nextRecord].key.count + (records[nextRecord].value?.count ?? 0))
        nextRecord += 1
      }
    }
    // What failed is known before the rest is handed over.
    if delivery.failure != nil { phase = .awaiting }
  }

  /// False at the end.
  private func readMore() throws(Failure) -> Bool {
    records.removeAll(keepingCapacity: true)
    headers.removeAll(keepingCapacity: true)
    nextRecord = 0
    let stands = [(name: "millrace-offset", value: String(offset))]
    while records.isEmpty, !scan!.isAtEnd { try scan!.read(into: &records) }
    headers = Array(repeating: stands, count: records.count)
    if records.isEmpty, deadLetter != nil { try readDeadLetters() }
    return !records.isEmpty
  }

  private func readDeadLetters() throws(Failure) {
    let from = deadLetter!
    deadLetter = nil
    var bytes = 0
    try snapshot!.scan(from: from, to: KeyLayout.Outbox.deadLetters.range.end) { key, value throws(Failure) in
      guard bytes < 1 << 20 else {
        deadLetter = Array(key)
        return false
      }
      bytes += value.count
      let letter = try DeadLetters.record(key, value, topic: sink.sourceTopic, partition: partition)
      records.append(letter.record)
      headers.append(letter.headers)
      return true
    }
  }

  private func settle() throws(Failure) {
    if let failure = delivery.failure {
      status.lastError = failure.message
      // Nothing of this attempt may arrive behind the next one's.
      guard delivery.waiting == 0 else { return }
      status.errors += 1
      if failure.kind == .invalid { throw failure }
      phase = .resting(until: monotonicMilliseconds() + Emitter.restMilliseconds)
    } else if delivery.waiting == 0 {
      try complete()
    }
  }

  private func complete() throws(Failure) {
    let transaction = Transaction()
    let all = KeyLayout.all("x")
    // One by one: a range deletion per commit would cost every reader of the store.
    try store.snapshot().scan(from: all.start, to: all.end) { key, _ in
      transaction.delete(key)
      return true
    }
    let lines = sink.outputs.targets.map { Emitter.line($0, sink.outputs) }.joined(separator: "\n")
    Array(lines.utf8).span.withUnsafeBytes { transaction.put(KeyLayout.outputs, $0) }
    try store.commit(transaction)
    whole = []
    phase = .idle
    sink.isAway = false
    status.records += count
    status.bytes += bytes
    status.waitingSince = nil
    status.lastError = nil
  }

  private static func line(_ target: Outputs.Target, _ outputs: Outputs) -> String {
    "\(outputs.topics[target]!) \(target)"
  }

  private static func written(_ store: Store) throws(Failure) -> Set<String> {
    guard let stored = try store.get(KeyLayout.outputs) else { return [] }
    return Set(String(decoding: stored, as: UTF8.self).split(separator: "\n").map(String.init))
  }
}
