/// When a partition commits. Results never depend on it.
public struct CommitPolicy: Equatable, Sendable {
  /// After this long with something uncommitted; milliseconds of the machine's monotonic clock.
  public var everyMilliseconds: Int64
  /// After this many bytes of records.
  public var everyBytes: Int

  public init(everyMilliseconds: Int64, everyBytes: Int) {
    self.everyMilliseconds = everyMilliseconds
    self.everyBytes = everyBytes
  }

  /// Fresh numbers: what a dashboard sees is at most about a second old.
  public static let live = CommitPolicy(everyMilliseconds: 1_000, everyBytes: 256 << 20)
  /// Rare commits: cells touched many times are written once.
  public static let replay = CommitPolicy(everyMilliseconds: 5_000, everyBytes: 512 << 20)
}
