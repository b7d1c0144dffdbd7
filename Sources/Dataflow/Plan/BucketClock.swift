import Basics
import Foundation

/// Where buckets start. Minutes and quarter hours are the same everywhere; days begin at midnight of a zone.
///
/// The zone's rules come from the machine's tz database. Days are cached: the calendar is asked once per day, not per event.
final class BucketClock {
  private let calendar: Calendar?
  private var start: Int64 = 0
  private var end: Int64 = 0

  /// - Errors: `.invalid` for a zone the machine does not know.
  init(timezone: String) throws(Failure) {
    if timezone == "UTC" {
      calendar = nil
    } else {
      guard let zone = TimeZone(identifier: timezone) else { throw .invalid("unknown time zone '\(timezone)'") }
      var calendar = Calendar(identifier: .gregorian)
      calendar.timeZone = zone
      self.calendar = calendar
    }
  }

  /// Milliseconds of the start of the day that holds `time`.
  func day(of time: Int64) -> Int64 {
    guard calendar != nil else { return Timestamp.floor(time, to: Timestamp.day) }
    if time < start || time >= end { load(time) }
    return start
  }

  /// Milliseconds of the start of the zone's hour that holds `time`: at half past in a zone that is half an hour off.
  func hour(of time: Int64) -> Int64 {
    guard let calendar else { return Timestamp.floor(time, to: Timestamp.hour) }
    let offset = Int64(calendar.timeZone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(time) / 1000))) * 1000
    return Timestamp.floor(time + offset, to: Timestamp.hour) - offset
  }

  /// Milliseconds of the start of the next day: 23 to 25 hours later.
  func dayEnd(of time: Int64) -> Int64 {
    guard calendar != nil else { return Timestamp.floor(time, to: Timestamp.day) + Timestamp.day }
    if time < start || time >= end { load(time) }
    return end
  }

  private func load(_ time: Int64) {
    let calendar = calendar!
    let first = calendar.startOfDay(for: Date(timeIntervalSince1970: Double(time) / 1000))
    // Midday plus a day, then back to its start: adding 24 hours to midnight may land in the same or the second next day.
    let next = calendar.startOfDay(for: calendar.date(byAdding: .day, value: 1, to: first.addingTimeInterval(43_200))!)
    start = Int64((first.timeIntervalSince1970 * 1000).rounded())
    end = Int64((next.timeIntervalSince1970 * 1000).rounded())
  }

  /// The start of the stored bucket: quarter hours for `hour`.
  @inline(__always) func bucket(of time: Int64, grain: Grain) -> Int64 {
    switch grain {
    case .minute: Timestamp.floor(time, to: Timestamp.minute)
    case .hour: Timestamp.floor(time, to: BucketClock.quarter)
    case .day: day(of: time)
    }
  }

  func bucketEnd(_ bucket: Int64, grain: Grain) -> Int64 {
    switch grain {
    case .minute: bucket + Timestamp.minute
    case .hour: bucket + BucketClock.quarter
    case .day: dayEnd(of: bucket)
    }
  }

  static let quarter = 15 * Timestamp.minute
}
