/// One line of a workload, as `Workload.next` appended it.
public struct WorkloadLine: Sendable {
  /// The line in the writer.
  public var range: Range<Int>
  /// The record's key in the writer, unescaped: the user id, or the anonymous id that stands in for it. Empty for an
  /// unusable line that names nobody.
  public var key: Range<Int>
  /// When it happened, milliseconds UTC: the timestamp in the line.
  public var clientTime: Int64
  /// When it reaches the log, milliseconds UTC, not before `clientTime`.
  public var logTime: Int64
  /// The same bytes have been in the log before.
  public var isDuplicate: Bool
  /// False for a line that every reader must reject.
  public var isUsable: Bool
}
