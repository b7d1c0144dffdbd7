import Events

/// What became of a record, in `EventBatch.status` after `Chain.apply`: 0 counted, a `Rejection`, or one of these.
public enum Verdict {
  public static let counted: UInt8 = 0
  public static let late: UInt8 = 64
  public static let duplicate: UInt8 = 65
}
