/// An HTTP request, decoded: what `API.respond` needs to know of it.
public struct Request: Sendable {
  /// `HEAD` is answered like `GET`; leaving the body out is the server's part.
  public var method: String
  /// Without the query, percent-decoded.
  public var path: String
  /// In the order given, percent-decoded; `?a` is ("a", "").
  public var query: [(name: String, value: String)]
  public var body: [UInt8]
  /// As the client says, with its parameters.
  public var contentType: String?

  public init(
    _ method: String, _ path: String, query: [(name: String, value: String)] = [], body: [UInt8] = [],
    contentType: String? = nil
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.body = body
    self.contentType = contentType
  }
}
