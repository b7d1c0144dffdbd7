import Basics

/// What one process is told: one file, every key with a default and an environment variable that wins over it.
///
/// Paths are as written; relative ones are relative to the working directory.
public struct Configuration: Sendable, Equatable {
  /// The data directory: state, topologies, and unless said otherwise the embedded log.
  public var data = "./data"
  public var listen = Address(host: "127.0.0.1", port: 8080)
  /// Where other instances of the consumer group reach this one; nil: where it listens.
  public var advertise: Address?
  /// Of the machine's memory (or its control group's).
  public var memory = Size.percent(25)
  public var log = EmbeddedLog()
  /// The log is a Kafka cluster's; nil: the embedded one.
  public var kafka: Kafka?
  /// A directory that all instances of a group see, where states are left for the next owner of a partition; nil: none.
  public var checkpoints: Checkpoints?
  /// What is kept of generations that are no longer served.
  public var generations = Generations()
  /// Topology files to run, in order.
  public var topologies: [String] = []
  public var http = HTTP()
  /// Certificate and key for HTTPS; nil: plain HTTP.
  public var tls: TLS?
  /// Where API keys are; nil: `keys.json` in the data directory.
  public var keys: String?
  /// What instances of a group show each other when there are API keys.
  public var peerKey: String?
  public var collect = Collect()
  /// `MILLRACE_` variables that mean nothing.
  public var warnings: [String] = []

  public init() {}

  public struct EmbeddedLog: Sendable, Equatable {
    /// Nil is `<data>/log`.
    public var path: String?
    /// Part of a log's identity: fixed once the log has been written to.
    public var partitions = 4
    /// Disk that stays free: below it appends are refused with 503.
    public var reserve = Size.percent(5)
    /// How long records stay after they were written.
    public var retentionAge = Retention.forever
    /// The bytes one log may take before its oldest segments go; nil is no limit.
    public var retentionSize: Size?
    public var segmentBytes: Int64 = 128 << 20

    public init() {}
  }

  public struct Kafka: Sendable, Equatable {
    /// `host:port`, separated by commas.
    public var brokers: String
    /// What the names of consumer groups begin with.
    public var group = "millrace"
    /// librdkafka's own names and values, secrets in place.
    public var properties: [String: String] = [:]
    /// Names of properties whose values came from the environment or a file, and are not to be shown.
    public var secrets: Set<String> = []

    public init(brokers: String) { self.brokers = brokers }
  }

  public struct Checkpoints: Sendable, Equatable {
    public var path: String
    public var everyMilliseconds: Int64 = 5 * 60_000

    public init(path: String) { self.path = path }
  }

  /// The live generation, the one before it and those being built are kept in any case.
  public struct Generations: Sendable, Equatable {
    public var keep = 1
    /// Since they were last served.
    public var age = Retention.milliseconds(30 * 86_400_000)
    /// Checkpoints that `serve` makes of what follows the embedded log; 0: none.
    public var checkpoints = 2
    public var checkpointMilliseconds: Int64 = 6 * 3_600_000

    public init() {}
  }

  public struct HTTP: Sendable, Equatable {
    public var threads = 2
    public var connections = 1_000
    /// From one address; 0: any number.
    public var connectionsPerAddress = 0
    /// A connection on which nothing happens for so long is closed.
    public var idleMilliseconds: Int64 = 30_000
    /// A request that has not arrived whole by then is given up.
    public var requestMilliseconds: Int64 = 60_000
    /// Whose pages may read and collect, such as `https://shop.example`; `*`: anybody's.
    public var origins: [String] = []

    public init() {}
  }

  public struct TLS: Sendable, Equatable {
    /// PEM files; the certificate with its chain.
    public var certificate: String
    public var key: String

    public init(certificate: String, key: String) {
      self.certificate = certificate
      self.key = key
    }
  }

  /// How events are taken over HTTP.
  public struct Collect: Sendable, Equatable {
    /// Where they go; nil: what the topologies read.
    public var topic: String?
    /// Bytes received and not yet durable; more are refused with 429.
    public var inFlight = Size.bytes(64 << 20)
    /// That read bodies.
    public var threads = 2
    /// A header that a proxy in front sets to the visitor's country; nil: none.
    public var countryHeader: String?
    /// A header to which the proxy in front appends the visitor's address; nil: there is no proxy.
    public var addressHeader: String?
    /// A file of MaxMind's format that knows where addresses are; nil: none.
    public var geoDatabase: String?

    public init() {}
  }

  public var keysPath: String { keys ?? (data.hasSuffix("/") ? "\(data)keys.json" : "\(data)/keys.json") }

  public var logPath: String { log.path ?? (data.hasSuffix("/") ? "\(data)log" : "\(data)/log") }
}
