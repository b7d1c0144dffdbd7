import Basics
import Foundation

/// Which day or week an entry is of, in a time zone. Weeks begin on Monday, as ISO 8601 has them.
final class TrendClock {
  private let days: BucketClock
  private let calendar: Calendar
  private let trend: FunnelRequest.Trend
  /// The day that was asked for last, and where its row starts.
  private var day = Int64.min
  private var start: Int64 = 0

  /// - Errors: `.invalid` for a zone the machine does not know.
  init(_ trend: FunnelRequest.Trend, timezone: String) throws(Failure) {
    self.trend = trend
    days = try BucketClock(timezone: timezone)
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = TimeZone(identifier: timezone) ?? .gmt
    self.calendar = calendar
  }

  /// Milliseconds of the start of the row.
  func row(of time: Int64) -> Int64 {
    let day = days.day(of: time)
    guard trend == .week else { return day }
    if day != self.day {
      self.day = day
      start = monday(before: day)
    }
    return start
  }

  private func monday(before day: Int64) -> Int64 {
    // By way of noon, which is on the same day whatever the zone's clocks did in the nights between.
    let noon = day + 12 * Timestamp.hour
    let weekday = calendar.component(.weekday, from: Date(timeIntervalSince1970: Double(noon) / 1_000))
    let past = Int64((weekday + 5) % 7)
    return past == 0 ? day : days.day(of: noon - past * Timestamp.day)
  }
}
