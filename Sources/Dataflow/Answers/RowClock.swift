import Basics

/// Where the rows of an answer begin in a time zone. Used by one thread: the present row is remembered.
final class RowClock {
  let days: BucketClock
  private let granularity: Granularity
  private var start: Int64 = 0
  private var end: Int64 = 0

  /// - Errors: `.invalid` for a zone the machine does not know.
  init(_ granularity: Granularity, timezone: String) throws(Failure) {
    self.granularity = granularity
    days = try BucketClock(timezone: timezone)
  }

  /// The start of the row that holds a stored bucket.
  func row(of time: Int64) -> Int64 {
    switch granularity {
    case .minute: return Timestamp.floor(time, to: Timestamp.minute)
    case .hour: return days.hour(of: time)
    case .day: return days.day(of: time)
    case .week, .month:
      if time < start || time >= end { load(time) }
      return start
    }
  }

  func row(after row: Int64) -> Int64 {
    switch granularity {
    case .minute: return row + Timestamp.minute
    // Where clocks change by half an hour, rows begin before what they hold; so this is not always an hour later.
    case .hour: return days.hour(of: row + Timestamp.hour)
    case .day: return days.dayEnd(of: row)
    case .week, .month:
      if row < start || row >= end { load(row) }
      return end
    }
  }

  func firstRow(atOrAfter time: Int64) -> Int64 {
    let row = row(of: time)
    return row >= time ? row : self.row(after: row)
  }

  /// Rows that start in [start, end), ascending; nil when there are more than the limit.
  func rows(from start: Int64, to end: Int64, limit: Int) -> [Int64]? {
    var rows: [Int64] = []
    var row = firstRow(atOrAfter: start)
    while row < end {
      guard rows.count < limit else { return nil }
      rows.append(row)
      row = self.row(after: row)
    }
    return rows
  }

  private func load(_ time: Int64) {
    let date = days.date(of: time)
    var (first, next) = (date, date)
    if granularity == .week {
      // 1970-01-01 was a Thursday.
      first = Timestamp.floor(date + 3, to: 7) - 3
      next = first + 7
    } else {
      first = RowClock.month(of: date, later: 0)
      next = RowClock.month(of: date, later: 1)
    }
    start = days.start(ofDate: first)
    end = days.start(ofDate: next)
  }

  /// The first date of the month of a date, or of one some months later; days since 1970-01-01.
  static func month(of date: Int64, later months: Int64) -> Int64 {
    let (year, month, _) = Timestamp.civil(dayNumber: date)
    let number = year * 12 + month - 1 + months
    return Timestamp.dayNumber(year: Timestamp.floor(number, to: 12) / 12, month: (number % 12 + 12) % 12 + 1, day: 1)
  }
}
