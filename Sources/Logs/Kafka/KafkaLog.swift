import Basics
import CRdKafka
import Synchronization

/// One topic of a Kafka cluster as a log.
///
/// Offsets are Kafka's. Records that are not there (transaction markers, aborted transactions) leave gaps. Without a group
/// any partition may be read; with one, those that the group gives.
public final class KafkaLog: Log {
  public let topic: String
  public let group: String?
  public let partitionCount: Int
  private let stamps: KafkaStamps
  let consumer: KafkaConsumer
  private let ends = Mutex<[Int: Int64]>([:])

  /// Connects, and asks for the topic.
  ///
  /// - `group`: the consumer group to `join`; nil to read partitions as one likes.
  /// - `milliseconds`: how long to try.
  /// - Errors: `.invalid` for an unknown topic or an unusable configuration, `.unavailable` when no broker answers.
  public init(
    _ options: KafkaOptions, topic: String, stamps: KafkaStamps = KafkaStamps(), group: String? = nil,
    milliseconds: Int = 10_000
  ) throws(Failure) {
    self.topic = topic
    self.stamps = stamps
    self.group = group
    consumer = try KafkaConsumer(options, topic: topic, group: group ?? options.group)
    do throws(Failure) {
      partitionCount = try KafkaMetadata.partitionCount(
        consumer.handle, topic: topic, brokers: options.brokers, milliseconds: milliseconds
      ) { [consumer] in consumer.events.health.lastError }
    } catch {
      consumer.stop()
      throw error
    }
    consumer.events.expect(partitions: partitionCount)
  }

  deinit { close() }

  public var hasStamps: Bool { true }

  /// As of the last fetch for a partition that is read. Of others, a member of a group knows what `askForEnds` heard last, and
  /// never waits; without a group the broker is asked.
  public func endOffset(partition: Int) throws(Failure) -> Int64? {
    if consumer.isFetched(partition) { return consumer.lastEnd(partition) }
    if group != nil { return ends.withLock { $0[partition] } }
    return try consumer.bounds(partition, milliseconds: 5_000).high
  }

  /// Asks where the partitions end that are not read here, for at most so long. What was known stays when nobody answers.
  public func askForEnds(milliseconds: Int) {
    let asked = (0..<partitionCount).filter { !consumer.isFetched($0) }
    guard !asked.isEmpty else { return }
    let known = ends(of: asked, milliseconds: milliseconds)
    ends.withLock { $0.merge(known) { _, new in new } }
  }

  /// Asks where these partitions end, for at most so long. Those that do not answer are left out.
  public func ends(of partitions: [Int], milliseconds: Int) -> [Int: Int64] {
    consumer.ends(partitions, milliseconds: Int32(clamping: milliseconds))
  }

  /// The first offset that retention has left.
  /// - Errors: `.unavailable` when the broker does not answer in some seconds.
  public func startPosition(partition: Int) throws(Failure) -> LogPosition {
    let low = try consumer.bounds(partition, milliseconds: 5_000).low
    return LogPosition(offset: low, file: 0, byte: 0, check: 0)
  }

  /// Begins to fetch and returns at once. The last record is read back by the first reads, which return nothing until then:
  /// they throw `.corrupt` when this is not the log the position was made from.
  public func reader(partition: Int, from position: LogPosition) throws(Failure) -> any LogReader {
    guard (0..<partitionCount).contains(partition) else {
      throw .invalid("topic \(topic): has partitions 0 to \(partitionCount - 1), not \(partition)")
    }
    return try KafkaReader(
      consumer, partition: partition, partitionCount: partitionCount, stamps: stamps, from: position)
  }

  /// Joins the group: from now on `member` is told which partitions are ours.
  public func join(_ member: any KafkaMember) throws(Failure) {
    precondition(group != nil, "a log without a group cannot join one")
    try consumer.subscribe(member)
  }

  /// Tells the group how far we are, for tools that show lag. No number is read from it, since offsets live in the state. Returns at
  /// once.
  public func commitToGroup(_ offsets: [(partition: Int, offset: Int64, metadata: String)]) {
    guard group != nil, !offsets.isEmpty else { return }
    consumer.commit(offsets)
  }

  /// As above, and waits for the group's answer, for at most so long. A group without members also takes it from whoever is
  /// not one yet.
  ///
  /// - Errors: `.invalid` when the group refuses, `.unavailable` when it does not answer.
  public func commitToGroup(
    _ offsets: [(partition: Int, offset: Int64, metadata: String)], milliseconds: Int
  ) throws(Failure) {
    guard group != nil, !offsets.isEmpty else { return }
    try consumer.commit(offsets, milliseconds: Int32(clamping: milliseconds))
  }

  /// What a member has told the group of a partition, and with which words.
  public struct GroupOffset: Sendable, Equatable {
    public var partition: Int
    public var offset: Int64
    public var metadata: String
  }

  /// Asks the group's coordinator, for at most so long. Kafka takes no word on a partition from a member that lost it.
  public func groupOffsets(milliseconds: Int) throws(Failure) -> [GroupOffset] {
    try consumer.committed(partitionCount, milliseconds: Int32(clamping: milliseconds))
  }

  public var health: KafkaHealth { consumer.events.health }

  /// Why nothing more is read of any partition, whoever has it.
  public var failure: Failure? { consumer.events.failure }

  /// Gives all partitions back, which calls the member's `revoked`, and leaves the group. Not to be called by the member.
  public func leave() { consumer.stop() }

  /// Leaves the group and frees everything; readers read nothing any more.
  public func close() {
    consumer.stop()
    consumer.destroy()
  }
}
