/// Who works on the partitions that the group gives to a `KafkaLog`. Both calls come from the log's own thread, one at a
/// time, and the group waits for them; other partitions are read on meanwhile.
public protocol KafkaMember: AnyObject, Sendable {
  /// These partitions are ours from now on. Reading one begins with `log.reader(partition:from:)`, in this call or any time
  /// later, from any thread; until then nothing of it is fetched. A partition that cannot be opened is just not read.
  func assigned(_ partitions: [Int])

  /// These partitions are given away. On return their states are committed and their readers closed; a reader that is not
  /// is closed then, and its next `read` is `.unavailable`.
  ///
  /// - `lost`: they may already be somebody else's: write nothing.
  func revoked(_ partitions: [Int], lost: Bool)
}
