import Basics

/// One usable event.
struct OracleEvent {
  var id: [UInt8]
  var type: [UInt8]
  /// `user_id`, or `anonymous_id` where that is missing.
  var user: [UInt8]
  /// `r`: what the client says.
  var clientTime: Int64
  var document: JSON
  /// `t`: min(r, M), set when it is judged.
  var time: Int64

  static let containers = ["device", "geo", "page", "properties"]
  static let texts = ["event_id", "event_type", "user_id", "anonymous_id", "session_id"]

  /// The event, or the code of why the record is unusable. When several things are wrong the first rule decides.
  static func read(_ bytes: [UInt8]) -> (event: OracleEvent?, reason: String) {
    if bytes.count > 65_536 { return (nil, "too_large") }
    if String(validating: bytes, as: UTF8.self) == nil { return (nil, "invalid_utf8") }
    guard let (document, depth) = JSON.parse(bytes) else { return (nil, "invalid_json") }
    guard case .object = document else { return (nil, "not_an_object") }
    if depth > 64 { return (nil, "too_deep") }
    let envelope = texts + containers + ["timestamp"]
    if envelope.contains(where: { document.occurrences($0) > 1 }) { return (nil, "repeated_field") }

    if isMissing(document.member("event_id")) { return (nil, "missing_event_id") }
    if let id = text(document.member("event_id")), id.count > 128 { return (nil, "event_id_too_long") }
    if isMissing(document.member("event_type")) { return (nil, "missing_event_type") }
    if isMissing(document.member("user_id")), isMissing(document.member("anonymous_id")) {
      return (nil, "missing_user")
    }
    if isMissing(document.member("timestamp")) { return (nil, "missing_timestamp") }
    for name in texts {
      if let value = document.member(name), !isNull(value), text(value) == nil { return (nil, "wrong_type") }
    }
    for name in containers {
      guard let value = document.member(name), !isNull(value) else { continue }
      guard case .object = value else { return (nil, "wrong_type") }
    }
    let time: Int64?
    switch document.member("timestamp")! {
    case .text(let text): time = readTime(String(decoding: text, as: UTF8.self))
    case .number(let token):
      let number = SlowDecimal(token)
      time = number.isUsable ? Int64(number.floored) : nil
    default: return (nil, "wrong_type")
    }
    // The years 1 to 9999.
    guard let time, time >= -62_135_596_800_000, time <= 253_402_300_799_999 else { return (nil, "invalid_timestamp") }
    let user = isMissing(document.member("user_id")) ? document.member("anonymous_id") : document.member("user_id")
    return (
      OracleEvent(
        id: text(document.member("event_id"))!, type: text(document.member("event_type"))!, user: text(user)!,
        clientTime: time, document: document, time: time), ""
    )
  }

  private static func isNull(_ value: JSON) -> Bool {
    if case .null = value { return true }
    return false
  }

  private static func text(_ value: JSON?) -> [UInt8]? {
    if case .text(let text) = value { return text }
    return nil
  }

  /// Absent, null and "" are one value.
  private static func isMissing(_ value: JSON?) -> Bool {
    guard let value else { return true }
    return isNull(value) || text(value) == []
  }

  /// RFC 3339 with any offset and 0 to 9 fraction digits, floored to the millisecond.
  private static func readTime(_ text: String) -> Int64? {
    let pattern =
      /(\d\d\d\d)-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))/
    guard text.utf8.allSatisfy({ $0 < 0x80 }), let match = text.wholeMatch(of: pattern)?.output else { return nil }
    let (year, month, day) = (Int(match.1)!, Int(match.2)!, Int(match.3)!)
    let (hour, minute, second) = (Int(match.4)!, Int(match.5)!, Int(match.6)!)
    func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
    let months = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard year >= 1, (1...12).contains(month), (1...months[month - 1]).contains(day), hour < 24, minute < 60,
      second < 60
    else { return nil }
    let years = year - 1
    let days = years * 365 + years / 4 - years / 100 + years / 400 + months[..<(month - 1)].reduce(0, +) + day - 1
    // 719,162 days lie between 0001-01-01 and 1970-01-01.
    var milliseconds = ((days - 719_162) * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000
    if let fraction = match.7 { milliseconds += Int((fraction + "00").prefix(3))! }
    if let sign = match.8 {
      let (hours, minutes) = (Int(match.9!)!, Int(match.10!)!)
      guard hours < 24, minutes < 60 else { return nil }
      milliseconds -= (hours * 60 + minutes) * 60_000 * (sign == "-" ? -1 : 1)
    }
    return Int64(milliseconds)
  }
}
