import Basics

/// When the n-th of N lines is due: busy evenings, quiet nights, weekends at five sixths, all UTC.
///
/// Time is measured in traffic, a weight per millisecond that changes on the hour. The n-th line is due when n / N of
/// the span's traffic has passed. Exact in integers; must be asked in order.
struct TrafficCurve {
  private static let hours: [UInt64] = [
    42, 34, 28, 24, 24, 28, 38, 54, 72, 84, 92, 98, 104, 102, 98, 98, 102, 110, 122, 134, 138, 126, 98, 66,
  ]

  private let lines: UInt64
  private let end: Int64
  private let total: UInt64
  /// The stretch of even traffic that is being passed, and the traffic before it.
  private var stretch: (start: Int64, end: Int64, weight: UInt64, before: UInt64)

  init(start: Int64, end: Int64, lines: Int) {
    self.lines = UInt64(max(lines, 1))
    self.end = end
    stretch = TrafficCurve.stretch(from: start, to: end, before: 0)
    var last = stretch
    while last.end < end {
      last = TrafficCurve.stretch(from: last.end, to: end, before: TrafficCurve.after(last))
    }
    total = TrafficCurve.after(last)
  }

  /// Milliseconds UTC, before the end. `jitter` is the place within the line's share of the traffic, in 2^-32.
  mutating func time(ofLine line: Int, jitter: UInt64) -> Int64 {
    let parts = (total >> 32, total & 0xffff_ffff)
    let fraction = parts.0 * jitter + (parts.1 * jitter) >> 32
    let (high, low) = total.multipliedFullWidth(by: UInt64(line))
    let (sum, carry) = low.addingReportingOverflow(fraction)
    let traffic = lines.dividingFullWidth((high + (carry ? 1 : 0), sum)).quotient
    while stretch.end < end, traffic >= TrafficCurve.after(stretch) {
      stretch = TrafficCurve.stretch(from: stretch.end, to: end, before: TrafficCurve.after(stretch))
    }
    return min(stretch.start + Int64((traffic - stretch.before) / stretch.weight), end - 1)
  }

  private static func after(_ stretch: (start: Int64, end: Int64, weight: UInt64, before: UInt64)) -> UInt64 {
    stretch.before + UInt64(stretch.end - stretch.start) * stretch.weight
  }

  private static func stretch(
    from start: Int64, to end: Int64, before: UInt64
  ) -> (start: Int64, end: Int64, weight: UInt64, before: UInt64) {
    let hour = start / Timestamp.hour
    // Day 0 was a Thursday.
    let isWeekend = (start / Timestamp.day + 3) % 7 >= 5
    let weight = hours[Int(hour % 24)] * (isWeekend ? 5 : 6)
    return (start, min(end, (hour + 1) * Timestamp.hour), weight, before)
  }
}
