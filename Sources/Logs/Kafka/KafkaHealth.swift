/// How the connection to Kafka is. Times are the wall clock's, in milliseconds.
public struct KafkaHealth: Sendable, Equatable {
  /// Brokers we know of, and are connected to. Until the first report, a second after the start, both are 0.
  public var brokersKnown = 0
  public var brokersUp = 0
  /// No broker has been reached since then.
  public var awaySince: Int64?
  /// The last thing that went wrong, in librdkafka's words, whether or not it is over.
  public var lastError: String?
  public var lastErrorAt: Int64?
  /// The last commit to the group that failed; lag tools may show too much since then.
  public var lastCommitError: String?
  /// Nothing more will be read or written by this client: the message says why.
  public var fatal: String?
  /// Records without a key, or with one that is not murmur2 of their partition.
  public var keyWarnings: Int64 = 0

  public init() {}
}
