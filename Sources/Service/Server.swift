import Basics
import Synchronization

/// HTTP or HTTPS on an address: threads of its own that read requests, ask `respond`, and write what it answers.
///
/// `respond` may block in a lane: only requests of the same lane wait for it.
public final class Server: Sendable {
  /// Requests that may wait for each other.
  public enum Lane: Hashable, Sendable {
    case answers
    /// Of events, answered when they are durable: by then the thread is long with others.
    case collecting
    /// Asked by other instances, whose answers wait for them: they must never wait for an answer of ours.
    case peers
    /// That change generations or compare them: they may take long, and no answer waits for them.
    case operations
  }

  public struct Options: Sendable {
    /// That answer requests.
    public var threads = 2
    /// By path; nil: answered at once, by a thread that must not wait.
    public var lane: @Sendable (String) -> Lane? = { _ in .answers }
    public var connections = 1_000
    /// A connection on which nothing happens for so long is closed.
    public var idleSeconds = 30
    /// A request that has not arrived whole by then is given up.
    public var requestMilliseconds: Int64 = 60_000
    /// From one address; 0: any number.
    public var connectionsPerAddress = 0
    /// That take events apart.
    public var collectThreads = 2
    /// Names of headers, in lower case, that the responder asks for beside the usual ones.
    public var headers: [String] = []
    /// Whether the responder wants to know the addresses of who is connected.
    public var looksAtAddresses = false
    /// Whether other machines may reach it.
    public var isPublic = false
    /// Told of everything that is answered.
    public var responses = ResponseCounts()
    /// For HTTPS; nil: plain HTTP.
    public var certificate: Certificate?

    public init() {}
  }

  /// PEM texts: the certificate with its chain, and its key.
  public struct Certificate: Sendable {
    public var certificate: String
    public var key: String

    public init(certificate: String, key: String) {
      self.certificate = certificate
      self.key = key
    }
  }

  public let host: String
  /// The one asked for, or for 0 the one the system chose.
  public let port: UInt16
  private let daemon: HTTPDaemon

  /// Listens, so that the port is ours and known; `start` begins to answer.
  ///
  /// - Errors: `.unavailable` when the address is in use, `.invalid` when other machines reach it and that was not
  ///   said.
  public init(
    host: String, port: UInt16, options: Options = Options(), responder: any Responder
  ) throws(Failure) {
    let socket = try ListeningSocket(host: host, port: port, isPublic: options.isPublic)
    self.host = host
    self.port = socket.port
    daemon = HTTPDaemon(socket: socket, options: options, responder: responder)
  }

  /// As above, with one function that may block.
  public convenience init(
    host: String, port: UInt16, options: Options = Options(), respond: @escaping @Sendable (Request) -> Response
  ) throws(Failure) {
    try self.init(host: host, port: port, options: options, responder: PlainResponder(function: respond))
  }

  deinit { stop() }

  public func start() throws(Failure) { try daemon.start() }

  /// Takes new connections with another certificate; those there are go on.
  ///
  /// - Errors: `.invalid` for texts that are no pair; then the former certificate still counts.
  public func renew(_ certificate: Certificate) throws(Failure) { try daemon.renew(certificate) }

  /// Closes all connections and returns when the threads have ended, so after any `respond` that runs; what it says may not
  /// reach its client any more. Not to be called from `respond`, which would wait for itself.
  public func stop() { daemon.stop() }
}
