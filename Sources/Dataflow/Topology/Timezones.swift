import Foundation

/// Which texts name a time zone, wherever one may be named.
public enum Timezones {
  /// IANA names only. Foundation also takes "GMT+3", "PST" and the like, which mean different things to different programs, and
  /// "GMT+05:07", whose hours cannot be put together from quarters.
  public static func isKnown(_ name: String) -> Bool {
    guard name != "UTC" else { return true }
    // Its list lacks names that it knows, Asia/Kolkata among them.
    guard name.utf8.count <= 64, name.contains("/") || TimeZone.knownTimeZoneIdentifiers.contains(name) else {
      return false
    }
    return TimeZone(identifier: name) != nil
  }
}
