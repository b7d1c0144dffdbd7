/// One file of the embedded log, for statistics.
public struct SegmentInfo: Equatable, Sendable {
  public var partition: Int
  public var path: String
  /// Its first offset, and the offset after its last readable record.
  public var base: Int64
  public var end: Int64
  public var byteCount: Int
}
