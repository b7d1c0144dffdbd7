/// A member of a JSON body as it would stand in a URL's query, or what several stand in.
enum BodyMember: Decodable {
  case none
  case text(String)
  case list([BodyMember])
  case object([String: BodyMember])
  case unusable

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .none
    } else if let flag = try? value.decode(Bool.self) {
      self = .text(flag ? "true" : "false")
    } else if let number = try? value.decode(Int64.self) {
      self = .text("\(number)")
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let list = try? value.decode([BodyMember].self) {
      self = .list(list)
    } else if let object = try? value.decode([String: BodyMember].self) {
      self = .object(object)
    } else {
      self = .unusable
    }
  }
}
