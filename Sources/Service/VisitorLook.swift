import Collector

/// Finds out from a request who sent it. Proxies that are named in the configuration are believed, and nobody else.
public struct VisitorLook: Sendable {
  /// Set by the proxy to a country of ISO 3166; nil: none is.
  public var countryHeader: String?
  /// To which the proxy appends the address it was connected from; nil: there is no proxy.
  public var addressHeader: String?
  public var database: GeoDatabase?

  public init() {}

  /// What the server has to tell of each request.
  public var headers: [String] { [countryHeader, addressHeader].compactMap { $0 } }

  /// Nothing of programs: neither their machine nor where it stands is that of the users whose events they send.
  func visitor(_ request: Request) -> Visitor {
    guard let text = request.headers["user-agent"], let agent = UserAgent(text) else { return Visitor() }
    return Visitor(agent: agent, place: place(request))
  }

  private func place(_ request: Request) -> Visitor.Place? {
    if let countryHeader, let text = request.headers[countryHeader]?.uppercased(), text.utf8.count == 2,
      // XX and T1 are what proxies say when they do not know.
      text.utf8.allSatisfy({ (65...90).contains($0) }), text != "XX"
    {
      return Visitor.Place(country: text)
    }
    guard let database else { return nil }
    guard let addressHeader else { return request.address.flatMap(database.place) }
    // What stands before the last was written by the visitor, or by proxies that nobody vouches for.
    let last = request.headers[addressHeader]?.split(separator: ",").last
    return last.flatMap { database.place(String($0.filter { $0 != " " })) }
  }
}
