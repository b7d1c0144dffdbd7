import Basics

/// What a request tells of who sent it that its events may not: written into their records, so that a replay agrees. The address
/// it came from is not.
public struct Visitor: Equatable, Sendable {
  public struct Place: Equatable, Sendable {
    /// ISO 3166, two letters.
    public var country: String
    public var region: String?
    public var city: String?

    public init(country: String, region: String? = nil, city: String? = nil) {
      self.country = country
      self.region = region
      self.city = city
    }
  }

  public var agent: UserAgent?
  public var place: Place?

  public init(agent: UserAgent? = nil, place: Place? = nil) {
    self.agent = agent
    self.place = place
  }
}

/// A visitor as members of a record, made once per request.
struct VisitorMembers {
  struct Member {
    var name: String
    var json: String
  }

  let device: [Member]
  let geo: [Member]

  /// Nil when nothing is known.
  init?(_ visitor: Visitor) {
    guard visitor.agent != nil || visitor.place != nil else { return nil }
    let agent = visitor.agent
    device =
      VisitorMembers.members([
        ("type", agent?.device?.rawValue), ("os", agent?.system), ("browser", agent?.browser),
      ]) + (agent.map { [Member(name: "is_bot", json: "\($0.isBot)")] } ?? [])
    geo = VisitorMembers.members([
      ("country", visitor.place?.country), ("region", visitor.place?.region), ("city", visitor.place?.city),
    ])
  }

  private static func members(_ members: [(name: String, text: String?)]) -> [Member] {
    members.compactMap { member in
      member.text.map { text in
        var json = JSONText()
        json.value(text)
        return Member(name: member.name, json: json.text)
      }
    }
  }
}
