import Logs

/// A setup as it was found: configuration, machine, data, topologies and the log. Plain values, so that a setup can be
/// written down and judged where there is none.
///
/// All times in milliseconds, all sizes in bytes; nil is *not known* where nothing else is said.
public struct SetupDescription: Sendable, Equatable {
  /// This machine's clock when it was looked at.
  public var now: Int64 = 0
  public var configuration = Configuration()
  public var machine = Machine()
  public var data = Data()
  public var topologies: [Topology] = []
  public var log = Log.embedded([])

  public init() {}

  public struct Configuration: Sendable, Equatable {
    /// The file; nil when there is none and everything has its default.
    public var file: String?
    /// Why it cannot be used, a line each.
    public var problems: [String] = []
    public var warnings: [String] = []
    public var connections = 1_000
    public var checkpoints: Checkpoints?

    public init() {}
  }

  public struct Checkpoints: Sendable, Equatable {
    public var path: String
    public var isThere: Bool
    public var isWritable: Bool

    public init(path: String, isThere: Bool, isWritable: Bool) {
      self.path = path
      self.isThere = isThere
      self.isWritable = isWritable
    }
  }

  public struct Machine: Sendable, Equatable {
    /// What the machine or its control group has.
    public var memoryBytes: Int64 = 0
    /// What `memory` of the configuration comes to.
    public var budgetBytes: Int64 = 0
    /// What the log's client keeps for each partition it reads, at the most; beside the budget.
    public var fetchBytesPerPartition: Int64 = 0
    /// How many files a process may raise its limit to.
    public var openFiles: Int64 = 0

    public init() {}
  }

  /// Room of one file system, under one path of ours.
  public struct Disk: Sendable, Equatable {
    public var freeBytes: Int64
    public var totalBytes: Int64
    /// What must stay free there; 0 for none.
    public var reserveBytes: Int64
    /// What we keep there.
    public var usedBytes: Int64

    public init(freeBytes: Int64, totalBytes: Int64, reserveBytes: Int64, usedBytes: Int64) {
      self.freeBytes = freeBytes
      self.totalBytes = totalBytes
      self.reserveBytes = reserveBytes
      self.usedBytes = usedBytes
    }
  }

  public struct Data: Sendable, Equatable {
    public var path = "./data"
    public var isThere = true
    /// Why it cannot be looked into.
    public var failure: String?
    /// The process that has it open; states are then not opened.
    public var inUseBy: String?
    public var disk: Disk?

    public init() {}
  }

  /// A topology to be run or that has state: what its file says or, without one, its frozen copy.
  public struct Topology: Sendable, Equatable {
    public var name: String
    public var file: String?
    /// Why the file cannot be used, a line each.
    public var fileProblems: [String] = []
    public var topic = "events"
    public var horizon: Int64 = 72 * 3_600_000
    public var gap: Int64 = 30 * 60_000
    /// The longest `within` of its funnels; 0 without any.
    public var within: Int64 = 0
    /// The longest retention of its views; nil is for ever.
    public var longestRetention: Int64?
    public var trustsProducerTime = false
    public var trustsStamps = false
    /// Of the file's meaning.
    public var digest: String?
    public var generation: Generation?

    public init(name: String) { self.name = name }
  }

  public enum Origin: String, Sendable, Equatable { case embedded, kafka, files }

  public struct Generation: Sendable, Equatable {
    public var number: Int
    public var directory: String
    /// Why it cannot be used.
    public var failure: String?
    public var digest = ""
    /// Of the frozen copy.
    public var topic: String?
    /// What it was built from; files are no concern of the log's.
    public var origin = Origin.embedded
    public var partitionCount = 0
    public var partitions: [PartitionState] = []

    public init(number: Int, directory: String) {
      self.number = number
      self.directory = directory
    }
  }

  public struct PartitionState: Sendable, Equatable {
    public enum ReadBack: Sendable, Equatable {
      case notTried
      case same
      /// What was found instead.
      case different(String)
      case failed(String)
    }

    public var number: Int
    /// Where its log began when the generation was made.
    public var start: Int64 = 0
    /// The next offset to be read; nil before the first commit, and when it was not looked at.
    public var offset: Int64?
    /// Why it stopped when it last ran.
    public var stopped: String?
    /// Why its state cannot be opened.
    public var failure: String?
    /// The last record read, compared with what the state knows of it.
    public var readBack = ReadBack.notTried

    public init(number: Int) { self.number = number }
  }

  public enum Log: Sendable, Equatable {
    /// By topic.
    case embedded([EmbeddedLog])
    case kafka(KafkaDescription, samples: [Sample])
  }

  public struct EmbeddedLog: Sendable, Equatable {
    public var topic: String
    public var directory: String
    /// False before the first `serve` or `import`.
    public var isThere = true
    public var failure: String?
    public var configuredPartitions = 4
    public var partitions: [LogPartition] = []
    /// Nil is for ever.
    public var retentionAge: Int64?
    /// Nil is no limit.
    public var retentionSize: Int64?
    public var bytes: Int64 = 0
    public var disk: Disk?
    /// What a crash left unfinished, a line each.
    public var unfinished: [String] = []

    public init(topic: String, directory: String) {
      self.topic = topic
      self.directory = directory
    }
  }

  public struct LogPartition: Sendable, Equatable {
    public var number: Int
    public var start: Int64?
    public var end: Int64?
    /// Append stamps of the first and the last record.
    public var oldest: Int64?
    public var newest: Int64?
    /// What is damaged in it.
    public var damage: String?

    public init(number: Int) { self.number = number }
  }

  /// The newest records of one partition, counted.
  public struct Sample: Sendable, Equatable {
    public var topic: String
    public var partition: Int
    public var records = 0
    /// Cannot be used, whatever partition they are in.
    public var unusable = 0
    /// Usable, and murmur2 of their user names another partition.
    public var misplaced = 0
    /// Usable, without a message key, or with one that is not their user.
    public var withoutKey = 0
    public var withOtherKey = 0
    /// Not stamped by a broker; and of these, without a stamp that travels with the record either.
    public var producerTimes = 0
    public var withoutStamp = 0

    public init(topic: String, partition: Int) {
      self.topic = topic
      self.partition = partition
    }
  }
}
