import Basics
import CRdKafka
import Dispatch
import Synchronization

/// One partition's outputs in transactions, each with the source offset that it stands for. Whoever opens the same id next
/// ends what this one had begun, and shuts it out.
///
/// What waits for brokers is done by a queue of its own; `progress` says what came of it.
///
/// `@unchecked Sendable`: librdkafka's calls may come from any thread, and one of ours is under way at a time.
public final class KafkaTransactions: @unchecked Sendable {
  public enum Progress: Sendable, Equatable {
    /// Nothing was asked for, or it has been done.
    case done
    case working
    /// The transaction was aborted: nothing of it is visible, and all of it may be written again.
    case aborted(Failure)
    /// This client is of no use any more.
    case failed(Failure)
  }

  /// What the last transaction that ended well said, whoever wrote it.
  public struct Committed: Sendable, Equatable {
    public var offset: Int64
    public var metadata: String

    public init(offset: Int64, metadata: String) {
      self.offset = offset
      self.metadata = metadata
    }
  }

  public let sink: KafkaSink
  private let options: KafkaOptions
  private let group: String
  private let source: (topic: String, partition: Int)
  private let queue: DispatchQueue
  private let state = Mutex((progress: Progress.done, committed: Committed?.none, isClosing: false))

  private static let stepMilliseconds: Int32 = 5_000

  /// Opens in the background.
  ///
  /// - `group`: the consumer group that keeps the source's offset.
  /// - Errors: `.invalid` for an unusable configuration.
  public init(
    _ options: KafkaOptions, topics: [(name: String, use: String)], id: String, group: String,
    source: (topic: String, partition: Int), queueBytes: Int = 8 << 20
  ) throws(Failure) {
    self.options = options
    self.group = group
    self.source = source
    sink = try KafkaSink(options, topics: topics, transactionalID: id, queueBytes: queueBytes)
    queue = DispatchQueue(label: "kafka-transactions-\(source.partition)")
    run { [self] in try open() }
  }

  public var progress: Progress { state.withLock { $0.progress } }
  /// Known once opening is done; nil when nothing was ever written.
  public var committed: Committed? { state.withLock { $0.committed } }

  /// From here on `sink.put` may be called.
  public func begin() throws(Failure) {
    try check(try sink.use { rd_kafka_begin_transaction($0) })
  }

  /// Ends the transaction: its records and the offset become visible together.
  public func commit(offset: Int64, metadata: String) {
    run { [self] in try commitNow(offset, metadata) }
  }

  public func abort(because failure: Failure) {
    run { [self] in
      try abortNow()
      throw Ending.aborted(failure)
    }
  }

  /// Returns at once; what is under way ends first.
  public func close() {
    state.withLock { $0.isClosing = true }
    queue.async { [sink] in sink.close(milliseconds: 0) }
  }

  private enum Ending: Error {
    case aborted(Failure)
    case failed(Failure)
  }

  private func run(_ body: @escaping @Sendable () throws -> Void) {
    state.withLock { $0.progress = .working }
    queue.async { [self] in
      let ended: Progress
      do {
        try body()
        ended = .done
      } catch Ending.aborted(let failure) {
        ended = .aborted(failure)
      } catch Ending.failed(let failure) {
        ended = .failed(failure)
      } catch {
        ended = .failed(error as? Failure ?? .unavailable("\(error)"))
      }
      state.withLock { $0.progress = ended }
    }
  }

  private func open() throws {
    try retrying { rd_kafka_init_transactions($0, KafkaTransactions.stepMilliseconds) }
    let committed = try askCommitted()
    state.withLock { $0.committed = committed }
  }

  private func commitNow(_ offset: Int64, _ metadata: String) throws {
    let offsets = KafkaPartitions(topic: source.topic)
    offsets.add(source.partition, offset: offset, metadata: metadata)
    let member = rd_kafka_consumer_group_metadata_new(group)
    defer { rd_kafka_consumer_group_metadata_destroy(member) }
    let list = offsets.list
    try retrying { rd_kafka_send_offsets_to_transaction($0, list, member, KafkaTransactions.stepMilliseconds) }
    // -1: librdkafka's own limit, the transaction's remaining time. Others may leave it and the broker at odds.
    try retrying { rd_kafka_commit_transaction($0, -1) }
    state.withLock { $0.committed = Committed(offset: offset, metadata: metadata) }
  }

  private func abortNow() throws {
    try retrying { rd_kafka_abort_transaction($0, -1) }
  }

  /// As librdkafka says its errors are to be taken: again, abort, or the end.
  private func retrying(_ call: (OpaquePointer) -> OpaquePointer?) throws {
    while true {
      guard let error = try sink.use(call) else { return }
      defer { rd_kafka_error_destroy(error) }
      let failure = KafkaTransactions.failure(error, source.partition)
      if rd_kafka_error_txn_requires_abort(error) != 0 {
        try abortNow()
        throw Ending.aborted(failure)
      }
      guard rd_kafka_error_is_retriable(error) != 0, !state.withLock({ $0.isClosing }) else {
        throw Ending.failed(failure)
      }
    }
  }

  private func check(_ error: OpaquePointer?) throws(Failure) {
    guard let error else { return }
    defer { rd_kafka_error_destroy(error) }
    throw KafkaTransactions.failure(error, source.partition)
  }

  private static func failure(_ error: OpaquePointer, _ partition: Int) -> Failure {
    let words = String(cString: rd_kafka_error_string(error))
    switch rd_kafka_error_code(error) {
    case RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
      return .unavailable(
        "outputs of partition \(partition): another instance writes them now (\(words)): nothing is lost; this one goes on when "
          + "the group gives it the partition again, or when it is started again")
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return .invalid(
        "outputs of partition \(partition): \(words): grant WRITE and DESCRIBE on transactional ids and READ on groups that "
          + "begin with the configured group, and WRITE on the topics, then start again")
    default: return .unavailable("outputs of partition \(partition): \(words)")
    }
  }

  /// What the group says, once nothing of an earlier owner is on its way any more.
  private func askCommitted() throws -> Committed? {
    let events = KafkaEvents(topic: source.topic)
    let conf = try KafkaProperties.make(
      options, defaults: KafkaProperties.consumer, fixed: KafkaProperties.fixedConsumer + [("group.id", group)])
    events.attach(to: conf)
    let handle = try KafkaHandle(RD_KAFKA_CONSUMER, conf, events: events)
    defer { if handle.end() { handle.destroy() } }
    while true {
      let list = KafkaPartitions(topic: source.topic, [source.partition])
      let code = rd_kafka_committed(handle.pointer, list.list, KafkaTransactions.stepMilliseconds)
      let entry = list.list.pointee.elems[0]
      if code == RD_KAFKA_RESP_ERR_NO_ERROR, entry.err == RD_KAFKA_RESP_ERR_NO_ERROR {
        guard entry.offset >= 0 else { return nil }
        let metadata = UnsafeRawBufferPointer(start: entry.metadata, count: entry.metadata_size)
        return Committed(offset: entry.offset, metadata: String(decoding: metadata, as: UTF8.self))
      }
      let words = KafkaText.of(code == RD_KAFKA_RESP_ERR_NO_ERROR ? entry.err : code)
      if code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED
        || entry.err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED
      {
        throw Failure.invalid("group \(group): \(words): grant READ on it and start again")
      }
      guard !state.withLock({ $0.isClosing }) else { throw Failure.unavailable("group \(group): \(words)") }
    }
  }
}
