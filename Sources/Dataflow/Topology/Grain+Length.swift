import Basics

extension Grain {
  /// Of one bucket, for limits; a day of a time zone can be an hour shorter or longer.
  public var milliseconds: Int64 {
    switch self {
    case .minute: Timestamp.minute
    case .hour: Timestamp.hour
    case .day: Timestamp.day
    }
  }
}
