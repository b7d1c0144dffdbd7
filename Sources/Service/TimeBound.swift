import Basics
import Foundation

/// Bounds of a range of time as people write them.
enum TimeBound {
  /// RFC 3339, or a date, which is where that day begins in the time zone. Nil when it is neither.
  static func parse(_ text: String, timezone: String) -> Int64? {
    guard let time = Timestamp(text)?.milliseconds else { return nil }
    let isDate = text.utf8.count == 10
    guard isDate, timezone != "UTC", let zone = TimeZone(identifier: timezone) else { return time }
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = zone
    // From noon, which is on the same day whatever the zone's clocks did in the night.
    let noon = Date(timeIntervalSince1970: Double(time + 12 * Timestamp.hour) / 1_000)
    let start = calendar.startOfDay(for: noon - Double(zone.secondsFromGMT(for: noon)))
    return Int64((start.timeIntervalSince1970 * 1_000).rounded())
  }
}
