import Basics
import Dataflow
import Events
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
    /// Asks what was written last, by whomever.
    case opening
    /// The state stands before that: nothing is written until it is there.
    case catchingUp
    case idle
    /// Reads and hands over.
    case sending
    /// All was handed over, not all is acknowledged.
    case awaiting
    /// The transaction with the outputs and the offset is being ended.
    case ending
    /// Kafka did not take something; from then on, by the monotonic clock, all is written again.
    case resting(until: Int64)
  }

  private let sink: OutputSink
  private let partition: Int
  private let store: Store
  private let transactions: KafkaTransactions?
  private var phase = Phase.idle
  /// The offset at which others have written everything, when this state stands before it.
  private(set) var catchUpOffset: Int64?
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
  private var acknowledged: (offset: Int64, lines: Set<String>)?
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
    transactions = try sink.transactions(of: partition)
    whole = []
    acknowledged = try Emitter.acknowledged(store)
    if transactions != nil {
      phase = .opening
      status.waitingSince = wallMilliseconds()
    } else {
      try resume(acknowledged?.lines ?? [])
    }
  }

  deinit { transactions?.close() }

  /// - `known`: targets whose topics have everything but what is in the outbox.
  private func resume(_ known: Set<String>) throws(Failure) {
    phase = .idle
    status.waitingSince = nil
    whole = Set(sink.outputs.targets.filter { !known.contains(Emitter.line($0, sink.outputs)) })
    var isEmpty = true
    let all = KeyLayout.all("x")
    try store.snapshot().scan(from: all.start, to: all.end) { _, _ in
      isEmpty = false
      return false
    }
    if !isEmpty || known != Set(lines) { begin(offset: offset) }
  }

  private var lines: [String] { sink.outputs.targets.map { Emitter.line($0, sink.outputs) } }

  /// Compares what was written last with where the state stands.
  private func open() throws(Failure) {
    guard let written = transactions!.committed else { return try resume(acknowledged?.lines ?? []) }
    let known = Set(written.metadata.split(separator: "\n").map(String.init))
    if written.offset > offset {
      catchUpOffset = written.offset
      phase = .catchingUp
    } else if written.offset == offset {
      try empty()
      try resume(known)
    } else if let own = acknowledged?.offset {
      // Only the outbox knows what changed since then, and it begins where this state was last acknowledged.
      if written.offset > own {
        throw .corrupt(
          "partition \(partition): another instance has written its outputs up to offset \(written.offset), and this state "
            + "stands at \(offset) with changes since \(own): remove \(store.path) and start again, and it is built anew from "
            + "the log or a checkpoint")
      }
      try resume(known)
    } else {
      try resume([])
    }
  }

  /// A commit that lists no changes leaves topics behind, so that they are to be given everything once they are wanted again.
  static func forget(_ store: Store, into transaction: Transaction) throws(Failure) {
    guard try store.get(KeyLayout.outputs) != nil else { return }
    let key = KeyLayout.outputs
    key.span.withUnsafeBytes { transaction.delete($0) }
    let all = KeyLayout.all("x")
    all.start.span.withUnsafeBytes { transaction.deleteRange($0, all.end) }
  }

  /// Called after the commit at `catchUpOffset`.
  func caughtUp(offset: Int64) throws(Failure) {
    self.offset = offset
    catchUpOffset = nil
    try empty()
    try resume(Set(transactions!.committed!.metadata.split(separator: "\n").map(String.init)))
  }

  var isOpening: Bool {
    if case .opening = phase { return true }
    return false
  }

  /// Whether the outputs of the last commit are not all acknowledged yet.
  var isBusy: Bool {
    switch phase {
    case .idle, .catchingUp: false
    default: true
    }
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
    switch phase {
    case .idle, .catchingUp: break
    case .opening:
      switch transactions!.progress {
      case .done: try open()
      case .failed(let failure): throw failure
      default: break
      }
    case .resting(let until): if monotonicMilliseconds() >= until { restart() }
    case .sending: try send()
    case .awaiting: try settle()
    case .ending: try end()
    }
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
      try transactions?.begin()
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
        guard try sink.put(records[nextRecord], headers: headers[nextRecord], for: delivery, in: transactions)
        else { return }
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
      if let transactions {
        transactions.abort(because: failure)
        phase = .ending
      } else if delivery.waiting == 0 {
        // Nothing of this attempt may arrive behind the next one's.
        try rest(failure)
      }
    } else if delivery.waiting == 0 {
      if let transactions {
        transactions.commit(offset: offset, metadata: lines.joined(separator: "\n"))
        phase = .ending
      } else {
        try complete()
      }
    }
  }

  private func end() throws(Failure) {
    switch transactions!.progress {
    case .working: break
    case .done: try complete()
    case .aborted(let failure): try rest(failure)
    case .failed(let failure): throw failure
    }
  }

  private func rest(_ failure: Failure) throws(Failure) {
    status.errors += 1
    status.lastError = failure.message
    if failure.kind == .invalid { throw failure }
    phase = .resting(until: monotonicMilliseconds() + Emitter.restMilliseconds)
  }

  private func complete() throws(Failure) {
    try empty()
    whole = []
    phase = .idle
    sink.isAway = false
    status.records += count
    status.bytes += bytes
    status.waitingSince = nil
    status.lastError = nil
  }

  private func empty() throws(Failure) {
    let transaction = Transaction()
    let all = KeyLayout.all("x")
    // One by one: a range deletion per commit would cost every reader of the store.
    try store.snapshot().scan(from: all.start, to: all.end) { key, _ in
      transaction.delete(key)
      return true
    }
    let text = ([String(offset)] + lines).joined(separator: "\n")
    Array(text.utf8).span.withUnsafeBytes { transaction.put(KeyLayout.outputs, $0) }
    try store.commit(transaction)
    acknowledged = (offset, Set(lines))
  }

  /// A name for what is written where, short enough for a group's metadata.
  private static func line(_ target: Outputs.Target, _ outputs: Outputs) -> String {
    String(Events.digest("\(outputs.topics[target]!) \(target)").hexadecimal.prefix(16))
  }

  /// Where and for which targets the outbox was last empty; nil before that.
  private static func acknowledged(_ store: Store) throws(Failure) -> (offset: Int64, lines: Set<String>)? {
    guard let stored = try store.get(KeyLayout.outputs) else { return nil }
    let lines = String(decoding: stored, as: UTF8.self).split(separator: "\n").map(String.init)
    guard let first = lines.first, let offset = Int64(first) else {
      throw .corrupt("outputs of \(store.path): '\(lines.first ?? "")' is no offset")
    }
    return (offset, Set(lines.dropFirst()))
  }
}
