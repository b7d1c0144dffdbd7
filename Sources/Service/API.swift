import Basics
import Collector
import Runtime

/// The HTTP API of a node, without HTTP: one request in, one response out, on any thread. Answers are read from snapshots, so
/// processing never waits for them.
public struct API: Sendable {
  let node: Node
  let collector: Collector?
  let peers: PeerAccess
  let dashboards: Dashboards
  var feed: LiveFeed
  /// Of the server before it, which is to be told: `Server.Options.responses`.
  public let responses = ResponseCounts()
  let version: String
  let kept: KeptAnswers
  let shared = SharedResponses()
  /// How old an answer may be that is given to several who ask the same; 0: each gets its own.
  public var sharedMilliseconds: Int64 = 0
  /// Longer than that no query takes.
  var queryMilliseconds: Int64 = 10_000

  /// - `collector`: what takes events, for its metrics.
  /// - `peers`: how other instances are asked.
  /// - `version`: of the program, for `millrace_build_info`.
  public init(_ node: Node, collector: Collector? = nil, peers: PeerAccess = PeerAccess(), version: String) {
    self.node = node
    self.peers = peers
    self.collector = collector
    dashboards = Dashboards(in: node.data.path)
    feed = LiveFeed()
    self.version = version
    kept = KeptAnswers(bytes: max(64 << 20, node.budget.bytes / 16))
  }

  /// Ends what still tells changes. To be called when no requests come any more, and before the node stops.
  public func stop() { feed.stop() }

  /// Who asks whether the process lives is told so whatever else it does.
  public static let lane: @Sendable (String) -> Server.Lane? = { path in
    if path == "/healthz" { return nil }
    if Adapters.at(path) != nil { return .collecting }
    if path.hasPrefix("/peers/") { return .peers }
    return path.hasPrefix("/topologies/") || path.hasPrefix("/replays") ? .operations : .answers
  }

  public func respond(_ request: Request) -> Response {
    if Adapters.at(request.path) != nil {
      return .problem(405, "events are sent here with POST", [Response.Header(name: "Allow", value: "POST")])
    }
    guard
      let routes = queries(request.path) ?? route(request.path).map({ ["GET": $0] }) ?? operations(request.path)
        ?? dashboards(request.path) ?? funnels(request.path) ?? users(request.path)
    else {
      return .problem(404, "there is nothing at \(NamedValues.shown(request.path)); / lists what there is")
    }
    guard let route = routes[request.method == "HEAD" ? "GET" : request.method] else {
      let allowed = routes.keys.sorted().flatMap { $0 == "GET" ? ["GET", "HEAD"] : [$0] }.joined(separator: ", ")
      return .problem(
        405, "\(NamedValues.shown(request.method)) is not a method of this path",
        [Response.Header(name: "Allow", value: allowed)])
    }
    do throws(Failure) { return try route(request) } catch { return .problem(error) }
  }

  typealias Route = (Request) throws(Failure) -> Response

  private func route(_ path: String) -> Route? {
    switch path {
    case "/live": return { (request) throws(Failure) in try live(request) }
    case "/topologies": return alone { () throws(Failure) in try topologies() }
    case "/healthz": return { (_) throws(Failure) in .json("{\"status\":\"alive\"}") }
    case "/readyz": return { (_) throws(Failure) in ready() }
    case "/metrics": return { (_) throws(Failure) in try metrics() }
    default:
      if WebFiles.has(path) { return { (request) throws(Failure) in WebFiles.response(request) } }
      let parts = path.split(separator: "/", omittingEmptySubsequences: false)
      if parts.count > 3, parts[1] == "peers" {
        let rest = parts[3...].map(String.init)
        let isFunnel = rest.count == 3 && rest[0] == "funnels" && ["results", "users"].contains(rest[2])
        guard rest == ["sessions"] || isFunnel else { return nil }
        return { (request) throws(Failure) in try peer(String(parts[2]), rest, request) }
      }
      guard parts.count == 4, parts[0].isEmpty, parts[1] == "funnels", parts[3] == "results" else { return nil }
      return { (request) throws(Failure) in
        try shared(request) { () throws(Failure) in try funnel(String(parts[2]), request) }
      }
    }
  }

  /// What takes no parameters: one that is given means something that would not happen.
  func alone(_ body: @escaping () throws(Failure) -> Response) -> Route {
    { (request) throws(Failure) in
      _ = try NamedValues(request.query, known: [])
      return try body()
    }
  }

  /// With the log's end as it is now, also of partitions that nobody looks at any more.
  func statuses(_ topology: LiveTopology) -> [PartitionStatus] {
    topology.statuses.map { status in
      var status = status
      if let end = (try? topology.log.endOffset(partition: status.partition)) ?? nil { status.endOffset = end }
      return status
    }
  }
}
