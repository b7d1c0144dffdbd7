/// The fields of the envelope. The raw value is what `EventBatch.detail` holds, shared with the C code: never renumber.
public enum EventField: UInt8, CaseIterable, Sendable {
  case eventID = 1
  case eventType = 2
  case userID = 3
  case anonymousID = 4
  case sessionID = 5
  case timestamp = 6
  case device = 7
  case geo = 8
  case page = 9
  case properties = 10

  /// The name in the document.
  public var name: String {
    switch self {
    case .eventID: "event_id"
    case .eventType: "event_type"
    case .userID: "user_id"
    case .anonymousID: "anonymous_id"
    case .sessionID: "session_id"
    case .timestamp: "timestamp"
    case .device: "device"
    case .geo: "geo"
    case .page: "page"
    case .properties: "properties"
    }
  }

  /// What a value of it must be, for a sentence.
  var expectation: String {
    switch self {
    case .timestamp: "RFC 3339 text or a number of milliseconds since 1970"
    case .device, .geo, .page, .properties: "an object"
    default: "text"
    }
  }
}
