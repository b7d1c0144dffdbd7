/// What Kafka said of itself and of the topics asked about, at one time. Plain values: what is made of them is not known
/// here.
///
/// All times in milliseconds since 1970 UTC.
public struct KafkaDescription: Sendable, Equatable {
  /// Why there was no answer at all.
  public struct NoAnswer: Sendable, Equatable {
    public enum Reason: String, Sendable, CaseIterable { case unreachable, tls, sasl }

    public var reason: Reason
    public var message: String

    public init(reason: Reason, message: String) {
      self.reason = reason
      self.message = message
    }
  }

  /// Why something in particular was not answered.
  public struct Refusal: Sendable, Equatable {
    /// For want of permission; else it cannot be answered there, or not now.
    public var isDenied: Bool
    public var message: String

    public init(isDenied: Bool, message: String) {
      self.isDenied = isDenied
      self.message = message
    }
  }

  /// As configured: `host:port,host:port`.
  public var brokers: String
  public var noAnswer: NoAnswer?
  /// Brokers of the cluster; 0 when unknown.
  public var brokerCount = 0
  /// Who we are to the brokers, if that was configured.
  public var user: String?
  /// Whether tools need a file with security settings to connect.
  public var isSecured = false
  /// The prefix of the names of our consumer groups.
  public var group: String?
  public var groupRefusal: Refusal?
  /// Names of all topics we may see.
  public var topicNames: [String] = []
  public var topics: [Topic] = []

  public init(brokers: String) { self.brokers = brokers }

  public struct Topic: Sendable, Equatable {
    public var name: String
    public var isKnown = true
    /// Why neither partitions nor records can be seen.
    public var refusal: Refusal?
    public var partitions: [Partition] = []
    /// By Kafka's own names, defaults included; nil when they were not told, and then why.
    public var settings: [String: String]?
    public var settingsRefusal: Refusal?

    public init(name: String) { self.name = name }
  }

  public struct Partition: Sendable, Equatable {
    public var number: Int
    public var hasLeader = true
    public var replicas = 0
    public var replicasInSync = 0
    /// The first kept offset and the offset after the last record.
    public var start: Int64?
    public var end: Int64?
    public var oldest: RecordTime?
    public var newest: RecordTime?
    /// Why its records could not be read.
    public var refusal: Refusal?

    public init(number: Int) { self.number = number }
  }

  /// A record's time, and what is known of the moment it was appended, by this machine's clock.
  public struct RecordTime: Sendable, Equatable {
    public var milliseconds: Int64
    /// Stamped by the broker; else it is the producer's time.
    public var isAppendTime: Bool
    /// It brings a stamp of its own, which counts where `source.trust_stamps` says so.
    public var carriesStamp: Bool
    /// It was not there yet at this time; nil when that is not known.
    public var appendedAfter: Int64?
    /// It was there at this time.
    public var appendedBefore: Int64

    public init(
      milliseconds: Int64, isAppendTime: Bool, carriesStamp: Bool = false, appendedAfter: Int64?, appendedBefore: Int64
    ) {
      self.milliseconds = milliseconds
      self.isAppendTime = isAppendTime
      self.carriesStamp = carriesStamp
      self.appendedAfter = appendedAfter
      self.appendedBefore = appendedBefore
    }
  }
}
