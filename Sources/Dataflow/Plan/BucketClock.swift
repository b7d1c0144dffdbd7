import Basics
import Foundation

/// Where buckets start. Minutes and quarter hours are the same everywhere; days begin at midnight of a zone.
///
/// The zone's rules come from the machine's tz database. Days are cached: the calendar is asked once per day, not per event.
final class BucketClock {
  private let calendar: Calendar?
  private var start: Int64 = 0
  private var end: Int64 = 0
  /// A day of UTC in which the zone's clocks are not changed, and how far they are ahead in it.
  private var steady: (start: Int64, end: Int64, offset: Int64) = (0, 0, 0)

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
    guard calendar != nil else { return Timestamp.floor(time, to: Timestamp.hour) }
    let offset = offset(at: time)
    return Timestamp.floor(time + offset, to: Timestamp.hour) - offset
  }

  /// Milliseconds of the start of the next day: 23 to 25 hours later.
  func dayEnd(of time: Int64) -> Int64 {
    guard calendar != nil else { return Timestamp.floor(time, to: Timestamp.day) + Timestamp.day }
    if time < start || time >= end { load(time) }
    return end
  }

  /// The zone's date at `time`, in days since 1970-01-01.
  func date(of time: Int64) -> Int64 {
    let noon = day(of: time) + 12 * Timestamp.hour
    return Timestamp.floor(noon + offset(at: noon), to: Timestamp.day) / Timestamp.day
  }

  /// Milliseconds of where a date begins in the zone.
  func start(ofDate date: Int64) -> Int64 {
    guard let calendar else { return date * Timestamp.day }
    // From noon, which is on that date whatever the zone's clocks did in the night.
    let noon = date * Timestamp.day + 12 * Timestamp.hour
    let instant = Date(timeIntervalSince1970: Double(noon - offset(at: noon)) / 1000)
    return Int64((calendar.startOfDay(for: instant).timeIntervalSince1970 * 1000).rounded())
  }

  /// Milliseconds by which the zone's clocks are ahead of UTC.
  private func offset(at time: Int64) -> Int64 {
    guard let zone = calendar?.timeZone else { return 0 }
    if time >= steady.start, time < steady.end { return steady.offset }
    func ask(_ time: Int64) -> Int64 {
      Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(time) / 1000))) * 1000
    }
    let start = Timestamp.floor(time, to: Timestamp.day)
    let offset = ask(start)
    guard offset == ask(start + Timestamp.day) else { return ask(time) }
    steady = (start, start + Timestamp.day, offset)
    return offset
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
