import Basics
import Events
import Testing

/// Goal: each envelope rule holds and names its field. Method: a table of documents with the verdict they must get.
@Suite struct EnvelopeTests {
  /// A document from the four required fields, some replaced (nil: left out), and more text.
  private func document(_ changes: [String: String?] = [:], _ more: String = "") -> String {
    let usual = [
      ("event_id", #""e1""#), ("event_type", #""view""#), ("user_id", #""u1""#),
      ("timestamp", #""2026-03-01T09:00:00Z""#),
    ]
    var fields: [String] = []
    for (name, value) in usual {
      if let change = changes[name] {
        if let change { fields.append("\"\(name)\":\(change)") }
      } else {
        fields.append("\"\(name)\":\(value)")
      }
    }
    if !more.isEmpty { fields.append(more) }
    return "{" + fields.joined(separator: ",") + "}"
  }

  private func expect(
    _ document: String, _ rejection: Rejection?, _ field: EventField?, _ line: SourceLocation = #_sourceLocation
  ) {
    let row = decodeOne(document)
    #expect(row.rejection == rejection, "\(document)", sourceLocation: line)
    #expect(row.field == field, "\(document)", sourceLocation: line)
  }

  @Test func missingNullAndEmptyAreOneValue() {
    let required: [(String, Rejection, EventField)] = [
      ("event_id", .missingEventID, .eventID), ("event_type", .missingEventType, .eventType),
      ("user_id", .missingUser, .userID), ("timestamp", .missingTimestamp, .timestamp),
    ]
    for (name, rejection, field) in required {
      for value: String? in [nil, "null", "\"\""] { expect(document([name: value]), rejection, field) }
    }
    let optional = #""anonymous_id":null,"session_id":"","device":null,"geo":null,"page":null,"properties":null"#
    expect(document([:], optional), nil, nil)
    expect(document([:], #""anonymous_id":"","session_id":null,"unknown":[1]"#), nil, nil)
  }

  @Test func anonymousStandsIn() {
    for user: String? in [nil, "null", "\"\""] {
      let row = decodeOne(
        document(["user_id": user], #""anonymous_id":"a\u0031""#), [("user_id", .text), ("anonymous_id", .text)])
      #expect(row.rejection == nil)
      #expect(row.user == "a1")
      #expect(row.values == ["a1", "a1"])
      let named = decodeOne(document(["user_id": "\"a1\""]))
      #expect(row.userKey == named.userKey)
      #expect(row.eventKey == named.eventKey)
    }
    let both = decodeOne(document([:], #""anonymous_id":"a1""#), [("user_id", .text), ("anonymous_id", .text)])
    #expect(both.user == "u1")
    #expect(both.values == ["u1", "a1"])
  }

  @Test func wrongTypesNameTheirField() {
    for field in EventField.allCases {
      let values: [String]
      switch field {
      case .timestamp: values = ["true", "{}", "[]", "[1]"]
      case .device, .geo, .page, .properties: values = ["1", "\"\"", "\"x\"", "false", "[]"]
      default: values = ["1", "0", "false", "{}", "[]", "[\"x\"]"]
      }
      for value in values {
        let usual = ["event_id", "event_type", "user_id", "timestamp"].contains(field.name)
        expect(usual ? document([field.name: value]) : document([:], "\"\(field.name)\":\(value)"), .wrongType, field)
      }
    }
    // A wrong user_id is not a missing one, and anonymous_id does not excuse it.
    expect(document(["user_id": "1"], #""anonymous_id":"a""#), .wrongType, .userID)
    expect(document(["user_id": nil], #""anonymous_id":1"#), .wrongType, .anonymousID)
  }

  @Test func repeatedFieldsAreUnusable() {
    for field in EventField.allCases {
      expect(document([:], "\"\(field.name)\":null,\"\(field.name)\":null"), .repeatedField, field)
    }
    expect(document([:], #""event_id":"e1""#), .repeatedField, .eventID)
    expect(document([:], #""event\u005fid":"e1""#), .repeatedField, .eventID)
    expect(document([:], #""geo":{"event_id":1,"event_id":2},"x":{"geo":1}"#), nil, nil)
  }

  @Test func eventIDHasAtMost128Bytes() {
    expect(document(["event_id": "\"" + String(repeating: "x", count: 128) + "\""]), nil, nil)
    expect(document(["event_id": "\"" + String(repeating: "x", count: 129) + "\""]), .eventIDTooLong, .eventID)
    expect(document(["event_id": "\"" + String(repeating: "ü", count: 64) + "\""]), nil, nil)
    expect(document(["event_id": "\"" + String(repeating: "\\u00fc", count: 64) + "\""]), nil, nil)
    expect(document(["event_id": "\"" + String(repeating: "\\u00fc", count: 65) + "\""]), .eventIDTooLong, .eventID)
  }

  @Test func theSmallestRejectionWinsAndThenTheFirstField() {
    expect(document(["event_id": "1", "timestamp": nil], #""geo":{},"geo":{},"x":}"#), .invalidJSON, nil)
    expect(document(["event_id": nil], #""page":1,"geo":{},"geo":{},"device":1,"device":1"#), .repeatedField, .device)
    expect(document(["event_id": nil, "event_type": nil, "user_id": nil, "timestamp": nil]), .missingEventID, .eventID)
    expect(document(["event_type": nil, "user_id": nil, "timestamp": nil]), .missingEventType, .eventType)
    expect(document(["event_id": "1", "timestamp": nil]), .missingTimestamp, .timestamp)
    expect(document(["timestamp": "\"x\""], #""page":1,"device":1"#), .wrongType, .device)
    expect(document(["timestamp": "\"x\""]), .invalidTimestamp, .timestamp)
  }

  @Test func unusableRowsHoldNoValuesButTheirNames() {
    let row = decodeOne(
      document(["timestamp": nil], #""geo":{"country":"DE"},"n":5"#), [("geo.country", .text), ("n", .exact)])
    #expect(row.values == [nil, nil])
    #expect([row.eventID, row.eventType, row.user] == ["e1", "view", "u1"])
    #expect(row.userKey == Key128(high: 0, low: 0))
    let broken = decodeOne(document() + "x")
    #expect([broken.eventID, broken.eventType, broken.user] == ["", "", ""])
  }

  @Test func everyRejectionHasACodeAndASentence() {
    #expect(Set(Rejection.allCases.map(\.code)).count == Rejection.allCases.count)
    for rejection in Rejection.allCases {
      #expect(rejection.code.allSatisfy { $0 == "_" || ("a"..."z").contains($0) || $0 == "8" })
      #expect(rejection.message().count > 20)
    }
    #expect(Rejection.wrongType.message(detail: 8) == "geo has the wrong type; it must be an object")
    #expect(Rejection.repeatedField.message(detail: 1) == "event_id occurs more than once; send it once")
  }
}
