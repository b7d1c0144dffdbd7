import Basics

/// What one answer may cost. Beyond it a question is refused, and whoever asks is told what to narrow.
public struct QueryLimits: Sendable {
  public var rows = 250_000
  /// Of cells that are being put together.
  public var bytes = Int.max
  /// Asked again and again: why there is to be no answer any more.
  public var interruption: @Sendable () -> Failure? = { nil }

  public init() {}

  func check() throws(Failure) {
    if let failure = interruption() { throw failure }
  }

  func checkRows(_ count: Int) throws(Failure) {
    guard count > rows else { return }
    throw .invalid(
      "the answer has more than \(rows) rows: narrow the range, take a coarser granularity, or group by less")
  }

  func tooLarge() -> Failure {
    .invalid(
      "the answer takes more than \(bytes >> 20) MiB to put together: narrow the range, filter with 'where', or group by "
        + "less")
  }
}
