import Logs

/// How a topology's consumer reaches its brokers.
public struct BrokerStatus: Sendable, Equatable {
  public var known: Int
  public var up: Int
  /// No broker has been reached since then; milliseconds of the machine's clock.
  public var awaySince: Int64?
  /// The last thing that went wrong, whether or not it is over.
  public var lastError: String?
  public var lastErrorAt: Int64?
  /// Records without a key, or with one of another partition.
  public var keyWarnings: Int64

  init(_ health: KafkaHealth) {
    known = health.brokersKnown
    up = health.brokersUp
    awaySince = health.awaySince
    lastError = health.fatal ?? health.lastError
    lastErrorAt = health.lastErrorAt
    keyWarnings = health.keyWarnings
  }
}
