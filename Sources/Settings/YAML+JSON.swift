import Foundation

extension YAML {
  /// As `parse`, of a JSON document, which is not always YAML. Places are paths: `panels[0].title`. A null is as good as none.
  ///
  /// - `name`: what the place of the whole document is called.
  public static func parse(json bytes: [UInt8], name: String, problems: Problems) -> Node? {
    guard bytes.count <= sizeLimit else {
      problems.add(.variable(name), "it is larger than \(Size.bytes(Int64(sizeLimit)))")
      return nil
    }
    guard let value = try? JSONDecoder().decode(JSONValue.self, from: Data(bytes)) else {
      problems.add(.variable(name), "it is not a JSON document")
      return nil
    }
    return node(value, "", name, depth: 1, problems)
  }

  private enum JSONValue: Decodable {
    case none
    case scalar(String)
    case list([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if value.decodeNil() {
        self = .none
      } else if let flag = try? value.decode(Bool.self) {
        self = .scalar(flag ? "true" : "false")
      } else if let number = try? value.decode(Int64.self) {
        self = .scalar("\(number)")
      } else if let number = try? value.decode(Double.self) {
        self = .scalar("\(number)")
      } else if let text = try? value.decode(String.self) {
        self = .scalar(text)
      } else if let list = try? value.decode([JSONValue].self) {
        self = .list(list)
      } else {
        self = .object(try value.decode([String: JSONValue].self))
      }
    }
  }

  private static func node(
    _ value: JSONValue, _ path: String, _ name: String, depth: Int, _ problems: Problems
  ) -> Node {
    let place = Place.variable(path.isEmpty ? name : path)
    guard depth <= depthLimit else {
      problems.add(place, "more than \(depthLimit) lists and objects inside each other")
      return Node(.refused, place)
    }
    switch value {
    case .none: return Node(.scalar("", quoted: false), place)
    case .scalar(let text): return Node(.scalar(text, quoted: true), place)
    case .list(let items):
      let nodes = items.enumerated().map { index, item in
        node(item, "\(path)[\(index)]", name, depth: depth + 1, problems)
      }
      return Node(.sequence(nodes), place)
    case .object(let members):
      // In one order, so that of several mistakes always the same is named first.
      let entries = members.sorted { $0.key < $1.key }.compactMap { key, member -> Node.Entry? in
        if case .none = member { return nil }
        let inside = path.isEmpty ? key : "\(path).\(key)"
        return Node.Entry(
          key: key, place: .variable(inside), value: node(member, inside, name, depth: depth + 1, problems))
      }
      return Node(.mapping(entries), place)
    }
  }
}
