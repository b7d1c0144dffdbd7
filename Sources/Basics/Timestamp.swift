/// Milliseconds since 1970-01-01T00:00:00Z, as text and calendar fields (proleptic Gregorian, UTC, no leap seconds).
public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var milliseconds: Int64

  @inlinable public init(milliseconds: Int64) { self.milliseconds = milliseconds }

  @inlinable public static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }

  public static let second: Int64 = 1_000
  public static let minute: Int64 = 60_000
  public static let hour: Int64 = 3_600_000
  public static let day: Int64 = 86_400_000

  /// The start of the step that holds `time`; floors towards the past also before 1970.
  @inlinable public static func floor(_ time: Int64, to step: Int64) -> Int64 {
    let remainder = time % step
    return remainder < 0 ? time - remainder - step : time - remainder
  }

  /// RFC 3339 in UTC: whole seconds when there are no milliseconds, else three fraction digits.
  public var description: String {
    let day = Timestamp.floor(milliseconds, to: Timestamp.day)
    let (year, month, dayOfMonth) = Timestamp.civil(dayNumber: day / Timestamp.day)
    let inDay = milliseconds - day
    func pad(_ value: Int64, _ width: Int) -> String {
      let text = String(value)
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    let date = "\(pad(year, 4))-\(pad(month, 2))-\(pad(dayOfMonth, 2))"
    let time =
      "\(pad(inDay / 3_600_000, 2)):\(pad(inDay / 60_000 % 60, 2)):\(pad(inDay / 1_000 % 60, 2))"
    let fraction = inDay % 1_000
    return fraction == 0 ? "\(date)T\(time)Z" : "\(date)T\(time).\(pad(fraction, 3))Z"
  }

  /// Accepts RFC 3339 with any offset and 0-9 fraction digits (floored to the millisecond), or a plain date `2026-03-01`,
  /// which is its UTC midnight. Nil when the text is neither, or the date does not exist.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    var index = 0
    func number(_ digits: Int) -> Int64? {
      guard index + digits <= bytes.count else { return nil }
      var value: Int64 = 0
      for byte in bytes[index..<index + digits] {
        guard byte >= 48, byte <= 57 else { return nil }
        value = value * 10 + Int64(byte - 48)
      }
      index += digits
      return value
    }
    func take(_ characters: String) -> UInt8? {
      guard index < bytes.count, characters.utf8.contains(bytes[index]) else { return nil }
      index += 1
      return bytes[index - 1]
    }
    guard let year = number(4), take("-") != nil, let month = number(2), take("-") != nil, let day = number(2),
      year >= 1, (1...12).contains(month), day >= 1, day <= Timestamp.days(inMonth: month, year: year)
    else { return nil }
    let midnight = Timestamp.dayNumber(year: year, month: month, day: day) * Timestamp.day
    if index == bytes.count {
      self.init(milliseconds: midnight)
      return
    }
    guard take("Tt ") != nil, let hour = number(2), take(":") != nil, let minute = number(2), take(":") != nil,
      let second = number(2), hour < 24, minute < 60, second < 60
    else { return nil }
    var fraction: Int64 = 0
    if take(".") != nil {
      var digits = 0
      while index < bytes.count, bytes[index] >= 48, bytes[index] <= 57 {
        if digits < 3 { fraction = fraction * 10 + Int64(bytes[index] - 48) }
        digits += 1
        index += 1
      }
      guard (1...9).contains(digits) else { return nil }
      for _ in min(digits, 3)..<3 { fraction *= 10 }
    }
    var offset: Int64 = 0
    if take("Zz") == nil {
      guard let sign = take("+-"), let hours = number(2), take(":") != nil, let minutes = number(2), hours < 24,
        minutes < 60
      else { return nil }
      offset = (hours * 60 + minutes) * Timestamp.minute * (sign == UInt8(ascii: "-") ? -1 : 1)
    }
    guard index == bytes.count else { return nil }
    self.init(milliseconds: midnight + hour * 3_600_000 + minute * 60_000 + second * 1_000 + fraction - offset)
  }

  /// Days since 1970-01-01 of a civil date. Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
  public static func dayNumber(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  /// The inverse of `dayNumber`.
  public static func civil(dayNumber: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = dayNumber + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthIndex = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
    let month = monthIndex + (monthIndex < 10 ? 3 : -9)
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  private static func days(inMonth month: Int64, year: Int64) -> Int64 {
    switch month {
    case 2: return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: return 30
    default: return 31
    }
  }
}
