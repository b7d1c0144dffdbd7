import Basics
import Collector
import Runtime

/// Who may ask for what: the keys, the origins of pages, and room for what is collected, before the API.
///
/// Without keys everybody who reaches the server may do everything, and credentials mean nothing.
public struct Door: Responder {
  public struct Options: Sendable {
    /// Whose pages may read and collect; `*`: anybody's.
    public var origins: [String] = []
    public var visitors = VisitorLook()

    public init() {}
  }

  /// What a request is about, so who may make it.
  enum Purpose {
    /// Whether the process lives, and is ready.
    case liveness
    /// Files that are the same for everybody.
    case pages
    case collecting(any Adapter)
    case reading
    case peers
    case operating
  }

  private let api: API
  private let collector: Collector?
  private let keys: KeyRing?
  private let options: Options

  /// - `collector`: nil where events are not taken.
  /// - `keys`: nil where nobody is asked for any.
  public init(_ api: API, collector: Collector?, keys: KeyRing?, options: Options = Options()) {
    self.api = api
    self.collector = collector
    self.keys = keys
    self.options = options
  }

  public func admit(_ head: Request) -> Admission {
    let purpose = Door.purpose(of: head)
    var admission = Admission()
    admit(head, purpose, &admission)
    return admission
  }

  private func admit(_ head: Request, _ purpose: Purpose, _ admission: inout Admission) {
    admission.headers = originHeaders(head, purpose)
    admission.takesForeignPages = !admission.headers.isEmpty
    if head.method == "OPTIONS", let method = head.headers["access-control-request-method"] {
      // Asked by the browser itself, which shows no keys.
      admission.refusal = preflight(method, isAllowed: admission.takesForeignPages)
      return
    }
    let holder: KeyRing.Holder?
    switch whoIs(head, purpose) {
    case .known(let known): holder = known
    case .refused(let refusal):
      admission.refusal = refusal
      return
    }
    guard case .collecting = purpose, head.method == "POST" else { return }
    guard let collector else {
      admission.refusal = .problem(404, "this server takes no events")
      return
    }
    admission.bodyBytes = collector.options.bodyBytes
    // Larger than that it is refused anyway, without taking any room.
    if let bytes = head.bytesAnnounced, bytes > collector.options.bodyBytes { return }
    if let holder, let seconds = keys?.wait(holder) {
      admission.refusal = Door.tooFast(seconds)
      return
    }
    guard let permit = collector.admit(bytes: head.bytesAnnounced) else {
      admission.refusal = Door.response(Collector.busy)
      return
    }
    admission.ticket = Ticket(permit, holder)
  }

  public func respond(_ request: Request, _ admission: Admission, reply: @escaping @Sendable (Response) -> Void) {
    guard case .collecting(let adapter) = Door.purpose(of: request), request.method == "POST" else {
      return reply(api.respond(request))
    }
    guard let collector, let ticket = admission.ticket else { preconditionFailure("collecting without a ticket") }
    var posted = Collector.Posted(
      path: request.path, body: request.body, type: request.headers["content-type"],
      encoding: request.headers["content-encoding"])
    posted.visitor = options.visitors.visitor(request)
    if let database = options.visitors.database { posted.locate = database.place }
    if let keys, ticket.holder == nil, !keys.isOpen {
      posted.isAccepted = { text in
        guard let text, let holder = keys.holder(of: text) else { return .unknownKey }
        guard holder.role.allows(.write) else { return .wrongRole }
        ticket.holder = holder
        return keys.wait(holder).map { .tooFast(seconds: $0) } ?? .accepted
      }
    }
    collector.collect(posted, through: adapter, permit: ticket.permit, now: wallMilliseconds()) { [keys] answer in
      switch answer {
      case .taken(let json, let events):
        if let holder = ticket.holder { keys?.spend(holder, events: events) }
        // As its protocol says, to the byte; one of them says nothing.
        reply(json.isEmpty ? Response(204, headers: []) : Response(200, "application/json", json))
      case .refused(let refusal): reply(Door.response(refusal))
      }
    }
  }

  static func purpose(of request: Request) -> Purpose {
    if let adapter = Adapters.at(request.path) { return .collecting(adapter) }
    if request.path == "/healthz" || request.path == "/readyz" { return .liveness }
    if request.path.hasPrefix("/peers/") { return .peers }
    if WebFiles.has(request.path) { return .pages }
    // A question too long for a URL, or one that takes its time.
    if request.path == "/query" || request.path == "/funnels" || request.path.hasPrefix("/funnels/") { return .reading }
    return request.method == "GET" || request.method == "HEAD" ? .reading : .operating
  }

  private enum Visitor {
    /// nil: nobody is asked, or the body will say.
    case known(KeyRing.Holder?)
    case refused(Response)
  }

  private func whoIs(_ head: Request, _ purpose: Purpose) -> Visitor {
    guard let keys, !keys.isOpen else { return .known(nil) }
    let needed: APIKey.Role
    let text = Door.credentials(head, purpose)
    switch purpose {
    case .liveness, .pages: return .known(nil)
    case .collecting(let adapter):
      if text == nil, adapter.hasKeyInBody { return .known(nil) }
      needed = .write
    case .reading: needed = .read
    case .peers:
      if let text, keys.isPeer(text) { return .known(nil) }
      needed = .admin
    case .operating: needed = .admin
    }
    guard let text, let holder = keys.holder(of: text) else { return .refused(Door.response(Refusal.unknownKey)) }
    guard holder.role.allows(needed) else {
      return .refused(.problem(403, "this needs a key of the role \(needed.rawValue)"))
    }
    return .known(holder)
  }

  /// `Authorization: Bearer KEY`, or Basic with the key as the user; where events are collected also `?write_key=`, since a
  /// page that is being left can set no headers.
  private static func credentials(_ head: Request, _ purpose: Purpose) -> String? {
    if let value = head.headers["authorization"] {
      let parts = value.split(separator: " ", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { return nil }
      switch parts[0].lowercased() {
      case "bearer": return parts[1]
      case "basic": return Base64.decode(parts[1]).map { String(decoding: $0.prefix { $0 != 58 }, as: UTF8.self) }
      default: return nil
      }
    }
    guard case .collecting = purpose else { return nil }
    // The second is what the Measurement Protocol calls it.
    return head.query.first { $0.name == "write_key" || $0.name == "api_secret" }?.value
  }

  /// For pages of origins that are allowed, so that their browsers let them have the answer. Nothing for others.
  private func originHeaders(_ head: Request, _ purpose: Purpose) -> [Response.Header] {
    guard let origin = head.headers["origin"] else { return [] }
    switch purpose {
    case .liveness, .pages, .collecting, .reading: break
    case .peers, .operating: return []
    }
    guard let allowed = options.origins.first(where: { $0 == "*" || $0 == origin }) else { return [] }
    return [
      Response.Header(name: "Access-Control-Allow-Origin", value: allowed),
      Response.Header(name: "Vary", value: "Origin"),
      Response.Header(
        name: "Access-Control-Expose-Headers",
        value: (["ETag", "Retry-After"] + API.answerHeaders).joined(separator: ", ")),
    ]
  }

  private func preflight(_ method: String, isAllowed: Bool) -> Response {
    guard isAllowed, ["GET", "HEAD", "POST"].contains(method) else {
      return .problem(403, "pages of this origin may not ask for this")
    }
    return Response(
      204,
      headers: [
        Response.Header(name: "Access-Control-Allow-Methods", value: "GET, HEAD, POST"),
        Response.Header(
          name: "Access-Control-Allow-Headers", value: "Authorization, Content-Encoding, Content-Type, If-None-Match"),
        Response.Header(name: "Access-Control-Max-Age", value: "7200"),
      ])
  }

  static func tooFast(_ seconds: Int) -> Response {
    .problem(
      429, "this key may not collect more events now", [Response.Header(name: "Retry-After", value: String(seconds))])
  }

  static func response(_ refusal: Refusal) -> Response {
    let more: (inout JSONText) -> Void = { json in
      guard let code = refusal.code else { return }
      json.field("code", code)
      json.field("field", refusal.field)
    }
    switch refusal.kind {
    case .malformed: return .problem(400, refusal.message, extra: more)
    case .tooLarge: return .problem(413, refusal.message)
    case .unsupported:
      return .problem(415, refusal.message, [Response.Header(name: "Accept-Encoding", value: "gzip, zstd")])
    case .unknownKey:
      return .problem(
        401, refusal.message, [Response.Header(name: "WWW-Authenticate", value: "Bearer realm=\"millrace\"")])
    case .wrongRole: return .problem(403, refusal.message)
    case .tooFast(let seconds): return tooFast(seconds)
    case .busy: return .problem(429, refusal.message, [Response.Header(name: "Retry-After", value: "1")])
    case .away: return .problem(503, refusal.message, [Response.retrySoon])
    }
  }
}
