import Basics

/// An HTTP response: whole, or its head and where the rest comes from.
public struct Response: Equatable, Sendable {
  public struct Header: Equatable, Sendable {
    public var name: String
    public var value: String
  }

  public var status: Int
  public var headers: [Header]
  public var bytes: [UInt8]
  /// A body without an end, instead of `bytes`.
  public var outflow: Outflow?
  public var body: String { String(decoding: bytes, as: UTF8.self) }

  init(_ status: Int, _ contentType: String, _ body: String, _ more: [Header] = []) {
    self.init(status, contentType, Array(body.utf8), more)
  }

  init(_ status: Int, _ contentType: String, _ bytes: [UInt8], _ more: [Header] = []) {
    self.status = status
    self.bytes = bytes
    headers =
      [
        Header(name: "Content-Type", value: contentType),
        // Numbers change with every event, and whatever a document holds, it is of the type it says.
        Header(name: "Cache-Control", value: "no-store"),
        Header(name: "X-Content-Type-Options", value: "nosniff"),
      ] + more
  }

  /// Events as they come, of which nothing may be kept on the way.
  static func events(_ outflow: Outflow) -> Response {
    var response = Response(200, "text/event-stream", "", [Header(name: "X-Accel-Buffering", value: "no")])
    response.outflow = outflow
    return response
  }

  /// Without a body.
  init(_ status: Int, headers: [Header]) {
    self.status = status
    self.headers = headers
    bytes = []
  }

  public func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  static func json(_ text: String, status: Int = 200, _ headers: [Header] = []) -> Response {
    Response(status, "application/json", text + "\n", headers)
  }

  /// RFC 9457. `detail` may hold what the client sent: JSON's escapes and the content type keep it text.
  ///
  /// - `extra`: further members.
  static func problem(
    _ status: Int, _ detail: String, _ headers: [Header] = [], extra: (inout JSONText) -> Void = { _ in }
  ) -> Response {
    var json = JSONText()
    json.object { json in
      json.field("type", "about:blank")
      json.field("title", title(status))
      json.field("status", status)
      json.field("detail", detail)
      extra(&json)
    }
    return Response(status, "application/problem+json", json.text + "\n", headers)
  }

  static func problem(_ failure: Failure) -> Response {
    switch failure.kind {
    case .invalid: problem(400, failure.message)
    case .unavailable: problem(503, failure.message, [retrySoon])
    case .corrupt: problem(500, failure.message)
    }
  }

  static let retrySoon = Header(name: "Retry-After", value: "5")

  private static func title(_ status: Int) -> String {
    switch status {
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 406: "Not Acceptable"
    case 409: "Conflict"
    case 410: "Gone"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 415: "Unsupported Media Type"
    case 428: "Precondition Required"
    case 429: "Too Many Requests"
    case 503: "Service Unavailable"
    default: "Internal Server Error"
    }
  }
}
