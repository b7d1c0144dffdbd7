import Basics
import Foundation

/// The body of `POST /query`: one question by the names of `GET /query`, one with several `metrics`, or several `queries`.
struct QueryBody {
  static let limit = 20

  var questions: [QueryParameters]
  /// Whether the answer is a list, even if of one.
  var isList: Bool

  /// - Errors: `.invalid` naming the member.
  init(_ body: [UInt8]) throws(Failure) {
    guard let member = try? JSONDecoder().decode(BodyMember.self, from: Data(body)), case .object(var object) = member
    else { throw .invalid("the body is not a JSON object such as {\"metric\":\"events\"}") }
    if let queries = object.removeValue(forKey: "queries") {
      if let other = object.keys.sorted().first {
        throw .invalid("\(NamedValues.shown(other)): beside 'queries' there is nothing; each of them says all it asks")
      }
      guard case .list(let list) = queries else { throw .invalid("queries: not an array of objects") }
      try QueryBody.check(list.count, "queries")
      isList = true
      questions = []
      for (index, member) in list.enumerated() {
        guard case .object(let object) = member else { throw .invalid("queries[\(index)]: not an object") }
        questions.append(try QueryBody.question(object, "queries[\(index)]: "))
      }
      return
    }
    guard let metrics = object.removeValue(forKey: "metrics") else {
      isList = false
      questions = [try QueryBody.question(object, "")]
      return
    }
    guard object["metric"] == nil else { throw .invalid("metric: there is 'metrics', too") }
    guard case .list(let list) = metrics else { throw .invalid("metrics: not an array of names") }
    try QueryBody.check(list.count, "metrics")
    isList = true
    questions = []
    for (index, member) in list.enumerated() {
      guard case .text = member else { throw .invalid("metrics[\(index)]: not a name") }
      var question = object
      question["metric"] = member
      questions.append(try QueryBody.question(question, "metrics[\(index)]: "))
    }
  }

  private static func check(_ count: Int, _ name: String) throws(Failure) {
    guard (1...limit).contains(count) else {
      throw .invalid("\(name): \(count) of them; from 1 to \(limit) are answered at once")
    }
  }

  private static func question(_ object: [String: BodyMember], _ place: String) throws(Failure) -> QueryParameters {
    var items: [(name: String, value: String)] = []
    // In one order, so that of several mistakes always the same is named.
    for (name, member) in object.sorted(by: { $0.key < $1.key }) {
      switch member {
      case .none: break
      case .text(let text): items.append((name, text))
      case .list(let list) where name == "group_by":
        var names: [String] = []
        for member in list {
          guard case .text(let text) = member else { throw .invalid("\(place)group_by: not an array of names") }
          names.append(text)
        }
        items.append((name, names.joined(separator: ",")))
      case .list, .object, .unusable:
        throw .invalid("\(place)\(name): neither text, a whole number, true nor false")
      }
    }
    do throws(Failure) { return try QueryParameters(items) } catch {
      throw Failure(error.kind, place + error.message)
    }
  }

  /// What another instance is asked.
  static func text(_ questions: [QueryParameters]) -> String {
    var json = JSONText()
    json.object { json in
      json.key("queries")
      json.array { json in
        for question in questions {
          json.object { json in for (name, value) in question.asked { json.field(name, value) } }
        }
      }
    }
    return json.text
  }
}
