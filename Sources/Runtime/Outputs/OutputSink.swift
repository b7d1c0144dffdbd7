import Basics
import Dataflow
import Logs
import Stores
import Synchronization

/// Where a generation's outputs go: one client for all its partitions in this process.
public final class OutputSink: Sendable {
  let outputs: Outputs
  let digest: String
  let plan: Plan
  let sourceTopic: String
  private let options: KafkaOptions
  /// Of all partitions; nil with transactions, which have one each.
  private let shared: KafkaSink?
  private let topics: [(name: String, use: String)]
  /// What group and transactional ids begin with.
  private let name: String
  private let indices: [Outputs.Target: Int]
  private let hasTimedOut = Mutex(false)

  /// - Errors: `.invalid` for a topic that is not there, `.unavailable` when no broker answers.
  init(_ options: KafkaOptions, _ outputs: Outputs, of generation: Generation, plan: Plan) throws(Failure) {
    self.outputs = outputs
    self.plan = plan
    digest = generation.digest
    sourceTopic = generation.topology.source.topic
    indices = Dictionary(uniqueKeysWithValues: outputs.targets.enumerated().map { ($1, $0) })
    self.options = options
    name = "\(options.group).\(generation.topology.name).\(generation.digest)"
    topics = outputs.targets.map { (outputs.topics[$0]!, $0.description) }
    // Also with transactions: it asks for the topics.
    let checked = try KafkaSink(options, topics: topics)
    shared = outputs.guarantee == .exactlyOnce ? nil : checked
  }

  /// Nil where the guarantee needs none.
  func transactions(of partition: Int) throws(Failure) -> KafkaTransactions? {
    guard outputs.guarantee == .exactlyOnce else { return nil }
    return try KafkaTransactions(
      options, topics: topics, id: "\(name).\(partition)", group: "\(name).sink", source: (sourceTopic, partition))
  }

  /// - `transactions`: the partition's own.
  func put(
    _ record: OutputRecord, headers: [(name: String, value: String)], for delivery: KafkaDelivery,
    in transactions: KafkaTransactions?
  ) throws(Failure) -> Bool {
    try (transactions?.sink ?? shared!).put(
      indices[record.target]!, key: record.key, value: record.value, headers: headers, for: delivery)
  }

  /// Whether somebody waited in vain for Kafka to take everything: others need not wait as long then.
  var isAway: Bool {
    get { hasTimedOut.withLock { $0 } }
    set { hasTimedOut.withLock { $0 = newValue } }
  }

  func close() { shared?.close() }
}

/// What the outside may know of a partition's outputs.
public struct OutputStatus: Sendable, Equatable {
  /// Taken by Kafka since the process started.
  public var records: Int64 = 0
  public var bytes: Int64 = 0
  /// Handed to Kafka's client and not acknowledged yet.
  public var pending = 0
  /// How often everything since the last acknowledged commit had to be written again.
  public var errors: Int64 = 0
  /// Outputs of the last commit are not all taken since then, by the machine's clock; milliseconds.
  public var waitingSince: Int64?
  public var lastError: String?
}
