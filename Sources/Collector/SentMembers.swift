import Basics
import Events

/// The members of an object by their names, for protocols that look at many of them. The last of a name wins, as everywhere.
struct SentMembers {
  private var members: [String: BodyParts.Member] = [:]

  init() {}

  init(_ parts: BodyParts) {
    for member in parts.members { members[String(decoding: member.name, as: UTF8.self)] = member }
  }

  subscript(name: String) -> BodyParts.Member? { members[name] }

  /// What stands in for a value that is there and missing: null or "".
  func replacement(of name: String, by json: String) -> (member: BodyParts.Member, json: String)? {
    members[name].flatMap { $0.isMissing ? ($0, json) : nil }
  }
}

extension ByteWriter {
  mutating func member(_ name: StaticString, json: UnsafeRawBufferPointer?, else other: String) {
    if let json { member(name, json: json) } else { member(name, json: other) }
  }

  /// An object of those values that are there; nothing when none is.
  mutating func object(_ name: StaticString, _ members: [(name: StaticString, value: BodyParts.Member?)]) {
    var isOpen = false
    for case (let inner, let value?) in members where !value.isMissing {
      if isOpen { byte(UInt8(ascii: ",")) } else { member(name, json: "{") }
      isOpen = true
      byte(UInt8(ascii: "\""))
      raw(UnsafeRawBufferPointer(start: inner.utf8Start, count: inner.utf8CodeUnitCount))
      byte(UInt8(ascii: "\""))
      byte(UInt8(ascii: ":"))
      raw(value.value)
    }
    if isOpen { byte(UInt8(ascii: "}")) }
  }
}
