/// An HTTP request, decoded: what `API.respond` needs to know of it.
public struct Request: Sendable {
  /// `HEAD` is answered like `GET`; leaving the body out is the server's part.
  public var method: String
  /// Without the query, percent-decoded.
  public var path: String
  /// In the order given, percent-decoded; `?a` is ("a", "").
  public var query: [(name: String, value: String)]
  public var body: [UInt8]
  /// Those of `headerNames` that were sent, by names in lower case.
  public var headers: [String: String] = [:]
  /// Of who is connected, when the server was told to look; a proxy's, where there is one.
  public var address: String?
  /// Bytes of the body by its head; nil when that does not say.
  public var bytesAnnounced: Int?

  /// Whether nobody waits for the answer any more. May only be asked until it is given.
  public var isGone: @Sendable () -> Bool = { false }

  /// As the client says, with its parameters.
  public var contentType: String? { headers["content-type"] }

  /// What somebody here asks for.
  static let headerNames = [
    "host", "origin", "expect", "authorization", "content-type", "content-encoding", "access-control-request-method",
    "transfer-encoding", "if-none-match", "user-agent", "accept", "if-match",
  ]

  public init(
    _ method: String, _ path: String, query: [(name: String, value: String)] = [], body: [UInt8] = [],
    contentType: String? = nil
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.body = body
    headers["content-type"] = contentType
  }
}
