import Foundation

/// Whose event it is. One of the two ids is what partitions and counts go by: `known` where there is one.
public enum User: Sendable, Equatable {
  /// An id of the device, made up at the first visit and kept.
  case anonymous(String)
  case known(String, anonymous: String? = nil)
}

/// Any JSON value; literals do: `["amount": 49.9, "items": [1, 2], "gift": true, "note": nil]`.
public enum JSON: Sendable, Equatable, Encodable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  case text(String)
  case integer(Int)
  /// Sums are exact in decimals: prefer `.decimal` for money that is computed.
  case number(Double)
  case decimal(Decimal)
  case truth(Bool)
  case null
  case list([JSON])
  case object([String: JSON])

  public init(stringLiteral value: String) { self = .text(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(booleanLiteral value: Bool) { self = .truth(value) }
  public init(nilLiteral: ()) { self = .null }
  public init(arrayLiteral elements: JSON...) { self = .list(elements) }
  public init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(Dictionary(elements, uniquingKeysWith: { _, last in last }))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .text(let text): try container.encode(text)
    case .integer(let integer): try container.encode(integer)
    case .number(let number): try container.encode(number)
    case .decimal(let decimal): try container.encode(decimal)
    case .truth(let truth): try container.encode(truth)
    case .null: try container.encodeNil()
    case .list(let list): try container.encode(list)
    case .object(let object): try container.encode(object)
    }
  }
}

/// Where an event happened, as far as it is known.
public struct Context: Sendable, Equatable {
  public struct Page: Sendable, Equatable, Encodable {
    public var url: String?
    public var path: String?
    public var title: String?
    public var referrer: String?

    public init(url: String? = nil, path: String? = nil, title: String? = nil, referrer: String? = nil) {
      self.url = url
      self.path = path
      self.title = title
      self.referrer = referrer
    }
  }

  public var session: String?
  public var page: Page?
  /// For example `["type": "mobile", "os": "Android"]`.
  public var device: [String: JSON]
  /// For example `["country": "DE"]`.
  public var geo: [String: JSON]

  public init(
    session: String? = nil, page: Page? = nil, device: [String: JSON] = [:], geo: [String: JSON] = [:]
  ) {
    self.session = session
    self.page = page
    self.device = device
    self.geo = geo
  }
}

/// One event, as it goes over the wire.
struct Event: Encodable {
  var id: String
  var type: String
  var user: User
  var date: Date
  var properties: [String: JSON]
  var context: Context

  /// Less than the 64 KiB of a record, since a collector adds what it knows.
  static let mostBytes = 60_000

  /// As JSON without a line break.
  ///
  /// - Errors: what a collector would refuse it for, as far as that is known here.
  func line() throws(ClientError) -> [UInt8] {
    guard (1...128).contains(id.utf8.count) else {
      throw ClientError("event_id is to have 1 to 128 bytes, this one has \(id.utf8.count)")
    }
    guard !type.isEmpty else { throw ClientError("event_type is empty") }
    switch user {
    case .anonymous(""), .known("", nil), .known("", ""): throw ClientError("neither user_id nor anonymous_id is given")
    default: break
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.withoutEscapingSlashes]
    guard let line = try? encoder.encode(self) else {
      throw ClientError("a number in it is not finite, which JSON cannot hold")
    }
    guard line.count <= Event.mostBytes else {
      throw ClientError("the event has \(line.count) bytes; a collector takes \(Event.mostBytes)")
    }
    return Array(line)
  }

  private enum Key: String, CodingKey {
    case event_id, event_type, user_id, anonymous_id, timestamp, session_id, page, device, geo, properties
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(id, forKey: .event_id)
    try container.encode(type, forKey: .event_type)
    switch user {
    case .anonymous(let id): try container.encode(id, forKey: .anonymous_id)
    case .known(let id, let anonymous):
      try container.encode(id, forKey: .user_id)
      try container.encodeIfPresent(anonymous, forKey: .anonymous_id)
    }
    try container.encode(Int64((date.timeIntervalSince1970 * 1_000).rounded(.down)), forKey: .timestamp)
    try container.encodeIfPresent(context.session, forKey: .session_id)
    try container.encodeIfPresent(context.page, forKey: .page)
    if !context.device.isEmpty { try container.encode(context.device, forKey: .device) }
    if !context.geo.isEmpty { try container.encode(context.geo, forKey: .geo) }
    if !properties.isEmpty { try container.encode(properties, forKey: .properties) }
  }
}
