import Foundation
import Testing

@testable import Service

/// `/openapi.json` as it is served.
struct OpenAPIDocument {
  struct Operation {
    var template: String
    /// In capitals.
    var method: String
    var tags: [String]
    /// Of the query.
    var parameters: Set<String>
    /// Of a JSON object in the body; nil when it takes none.
    var members: Set<String>?
    var ignoresOthers: Bool
    var name: String
    var statuses: Set<String>

    var text: String { "\(method) \(template)" }
  }

  let root: [String: Any]
  private(set) var operations: [Operation] = []
  /// Values of a parameter of the path that takes only some, by template and name.
  private var choices: [String: [String: [String]]] = [:]
  /// Templates whose last part may hold slashes, which OpenAPI cannot say itself.
  private var open: Set<String> = []

  init(_ text: String) throws {
    let parsed = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    root = try #require(parsed)
    for (template, value) in try #require(root["paths"] as? [String: [String: Any]]) {
      let shared = value["parameters"] as? [Any] ?? []
      for (method, value) in value where method != "parameters" {
        let operation = try #require(value as? [String: Any])
        let parameters = (shared + (operation["parameters"] as? [Any] ?? [])).map(resolved)
        for parameter in parameters where parameter["in"] as? String == "path" {
          if parameter["x-slashes"] as? Bool == true { open.insert(template) }
          if let some = (parameter["schema"] as? [String: Any])?["enum"] as? [String] {
            choices[template, default: [:]]["\(parameter["name"]!)"] = some
          }
        }
        let content = (operation["requestBody"] as? [String: Any])?["content"] as? [String: [String: Any]]
        let schema = (content?["application/json"]?["schema"]).map(resolved)
        operations.append(
          Operation(
            template: template, method: method.uppercased(), tags: operation["tags"] as? [String] ?? [],
            parameters: Set(parameters.filter { $0["in"] as? String == "query" }.map { "\($0["name"]!)" }),
            members: schema.map { Set(($0["properties"] as? [String: Any] ?? [:]).keys) },
            ignoresOthers: operation["x-other-parameters"] as? String == "ignored",
            name: operation["operationId"] as? String ?? "",
            statuses: Set((operation["responses"] as? [String: Any] ?? [:]).keys)))
      }
    }
  }

  /// A part of the document, or what it refers to.
  func resolved(_ part: Any) -> [String: Any] {
    guard let part = part as? [String: Any] else { return [:] }
    guard let reference = part["$ref"] as? String else { return part }
    var place: Any = root
    for name in reference.split(separator: "/").dropFirst() { place = (place as? [String: Any])?[String(name)] as Any }
    return place as? [String: Any] ?? [:]
  }

  /// Every `$ref` that leads nowhere.
  var dangling: [String] {
    func look(_ part: Any) -> [String] {
      if let list = part as? [Any] { return list.flatMap(look) }
      guard let object = part as? [String: Any] else { return [] }
      if let reference = object["$ref"] as? String { return resolved(object).isEmpty ? [reference] : [] }
      return object.values.flatMap(look)
    }
    return look(root)
  }

  /// Paths that a template stands for, made of names that are known here.
  func paths(_ template: String) -> [String] {
    let known = [
      "name": "web", "view": "checkout", "generation": "1", "checkpoint": "1", "id": "web-1", "funnel_id": "asked-1",
    ]
    var all = [""]
    for part in template.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
      let name = part.hasPrefix("{") ? String(part.dropFirst().dropLast()) : nil
      let values = name.map { choices[template]?[$0] ?? [known[$0] ?? "x"] } ?? [String(part)]
      all = all.flatMap { path in values.map { "\(path)/\($0)" } }
    }
    return all
  }

  /// The template that a path is of: one with the most words of its own.
  func template(of path: String) -> String? {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    return Set(operations.map(\.template)).filter { template in
      let words = template.split(separator: "/", omittingEmptySubsequences: false)
      return (words.count == parts.count || (open.contains(template) && words.count < parts.count))
        && zip(words, parts).allSatisfy { word, part in
          guard word.hasPrefix("{") else { return word == part }
          return choices[template]?[String(word.dropFirst().dropLast())]?.contains(String(part)) ?? true
        }
    }.min { $0.count { $0 == "{" } < $1.count { $0 == "{" } }
  }
}
