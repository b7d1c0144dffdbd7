extension Rejection {
  /// A stable name for machines: metrics, errors of the collector, the quarantine.
  public var code: String {
    switch self {
    case .tooLarge: "too_large"
    case .invalidUTF8: "invalid_utf8"
    case .invalidJSON: "invalid_json"
    case .notAnObject: "not_an_object"
    case .tooDeep: "too_deep"
    case .repeatedField: "repeated_field"
    case .missingEventID: "missing_event_id"
    case .eventIDTooLong: "event_id_too_long"
    case .missingEventType: "missing_event_type"
    case .missingUser: "missing_user"
    case .missingTimestamp: "missing_timestamp"
    case .wrongType: "wrong_type"
    case .invalidTimestamp: "invalid_timestamp"
    case .misplaced: "misplaced"
    case .future: "future"
    }
  }

  /// What is wrong and how to put it right, for a person. `detail` is the row's, from `EventBatch.detail`.
  public func message(detail: UInt8 = 0) -> String {
    let field = EventField(rawValue: detail)
    let name = field?.name ?? "a field"
    switch self {
    case .tooLarge:
      return "the event is larger than 65,536 bytes; send less, or split it"
    case .invalidUTF8:
      return "the event is not valid UTF-8; encode it as UTF-8 before sending"
    case .invalidJSON:
      return "the event is not valid JSON; one JSON object per event is expected, written by a JSON library"
    case .notAnObject:
      return "the event is JSON but not an object; send {\"event_id\": ..., ...}"
    case .tooDeep:
      return "the event nests objects and arrays more than 64 levels deep; flatten it"
    case .repeatedField:
      return "\(name) occurs more than once; send it once"
    case .missingEventID:
      return "event_id is missing; send a text of 1 to 128 bytes that is unique per user and the same on every retry"
    case .eventIDTooLong:
      return "event_id is longer than 128 bytes; send a shorter one, for example a UUID"
    case .missingEventType:
      return "event_type is missing; send a text such as \"page_view\""
    case .missingUser:
      return "user_id and anonymous_id are both missing; send at least one of them"
    case .missingTimestamp:
      return "timestamp is missing; send RFC 3339 text such as \"2026-03-01T09:00:00Z\", or milliseconds since 1970"
    case .wrongType:
      return "\(name) has the wrong type; it must be \(field?.expectation ?? "of another type")"
    case .invalidTimestamp:
      return "timestamp is not a time of the years 1 to 9999; send RFC 3339 text such as \"2026-03-01T09:00:00Z\","
        + " or milliseconds since 1970"
    case .misplaced:
      return "the event is not in the partition of its user; produce with Kafka's murmur2 of the user as the key"
    case .future:
      return "timestamp is more than 24 hours later than the event's arrival; check the sender's clock"
    }
  }
}
