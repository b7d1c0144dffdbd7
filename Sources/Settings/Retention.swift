/// How long something is kept.
public enum Retention: Sendable, Hashable {
  case milliseconds(Int64)
  case forever

  /// Nil is forever.
  public var milliseconds: Int64? {
    if case .milliseconds(let count) = self { count } else { nil }
  }
}
