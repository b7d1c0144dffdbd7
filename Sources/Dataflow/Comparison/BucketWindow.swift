import Basics

/// A range of buckets that is read at once: large enough that opening it costs nothing beside its cells.
struct BucketWindow {
  var start: Int64
  var end: Int64
  /// Nothing smaller is read at once, so that rows put together of several buckets are whole.
  private let step: Int64

  init(_ grain: Grain, from bucket: Int64) {
    let steps: Int64
    switch grain {
    case .minute: (step, steps) = (Timestamp.hour, 24)
    case .hour: (step, steps) = (Timestamp.day, 32)
    // Days of any zone begin at a quarter of an hour.
    case .day: (step, steps) = (BucketClock.quarter, 96 * 128)
    }
    start = bucket
    end = Timestamp.floor(bucket, to: step) + steps * step
  }

  /// Nil when it cannot be smaller.
  var halves: (BucketWindow, BucketWindow)? {
    let middle = Timestamp.floor(start + (end - start) / 2, to: step)
    guard middle > start else { return nil }
    var (first, second) = (self, self)
    first.end = middle
    second.start = middle
    return (first, second)
  }
}
