import Basics
import Foundation

/// What an operation is asked for with: parameters of the query, members of a JSON object in the body, or both.
struct OperationParameters {
  let values: NamedValues
  /// The text that the body brings beside them; nil: none.
  let definition: String?

  /// - `definition`: whether a topology's YAML comes along: as the body, or, in a body of type `application/json`, as its member
  ///   `definition`.
  /// - Errors: `.invalid` naming the first parameter that is unknown, repeated, or neither text, a whole number, true nor false.
  init(_ request: Request, known: [String], definition takesDefinition: Bool = false) throws(Failure) {
    let isJSON = request.contentType?.lowercased().hasPrefix("application/json") ?? false
    guard isJSON || !takesDefinition else {
      values = try NamedValues(request.query, known: known)
      definition = String(decoding: request.body, as: UTF8.self)
      return
    }
    var items = request.query
    var text: String?
    for (name, member) in try OperationParameters.members(request.body) {
      switch member {
      case .none: break
      case .list, .object, .unusable:
        throw .invalid("\(name): neither text, a whole number, true nor false")
      case .text(let value):
        if takesDefinition, name == "definition" { text = value } else { items.append((name, value)) }
      }
    }
    values = try NamedValues(items, known: known + (takesDefinition ? ["definition"] : []))
    definition = text
  }

  private static func members(_ body: [UInt8]) throws(Failure) -> [(String, BodyMember)] {
    guard !body.isEmpty else { return [] }
    do {
      let object = try JSONDecoder().decode([String: BodyMember].self, from: Data(body))
      // In one order, so that of several mistakes always the same is named.
      return object.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    } catch {
      throw .invalid("the body is not a JSON object")
    }
  }
}
