import Basics
import Foundation

/// A JSON object that came as a request's body, member by member. Who takes it apart says what he knows; the rest is refused
/// by name.
struct JSONBody {
  enum Value: Decodable {
    case none
    case flag(Bool)
    case number(Decimal)
    case text(String)
    case list([Value])
    case object([String: Value])

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if value.decodeNil() {
        self = .none
      } else if let flag = try? value.decode(Bool.self) {
        self = .flag(flag)
      } else if let number = try? value.decode(Decimal.self) {
        self = .number(number)
      } else if let text = try? value.decode(String.self) {
        self = .text(text)
      } else if let list = try? value.decode([Value].self) {
        self = .list(list)
      } else {
        self = .object(try value.decode([String: Value].self))
      }
    }
  }

  /// What messages call it: empty for the body itself.
  let name: String
  private let members: [String: Value]

  /// - Errors: `.invalid` when it is no object, or has a member that is not known.
  init(_ body: [UInt8], known: [String]) throws(Failure) {
    let members: [String: Value]
    do { members = try JSONDecoder().decode([String: Value].self, from: Data(body)) } catch {
      throw .invalid("the body is not a JSON object")
    }
    try self.init(members, named: "", known: known)
  }

  init(_ members: [String: Value], named name: String, known: [String]) throws(Failure) {
    self.name = name
    // In one order, so that of several mistakes always the same is named.
    for member in members.keys.sorted() where !known.contains(member) {
      throw .invalid(
        "there is no \(name.isEmpty ? "" : "\(name).")\(NamedValues.shown(member))\(NamedValues.hint(for: member, known))"
      )
    }
    self.members = members
  }

  /// Nil when it is missing or null.
  subscript(member: String) -> Value? {
    guard let value = members[member] else { return nil }
    if case .none = value { return nil }
    return value
  }

  func text(_ member: String) throws(Failure) -> String? {
    guard let value = self[member] else { return nil }
    guard case .text(let text) = value else { throw .invalid("\(path(member)): is a text") }
    return text.isEmpty ? nil : text
  }

  func path(_ member: String) -> String { name.isEmpty ? member : "\(name).\(member)" }
}
