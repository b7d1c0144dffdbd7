import Basics
import Synchronization

/// HTTP on a loopback address: threads of its own that read requests, ask `respond`, and write what it answers.
///
/// `respond` may block in a lane: only requests of the same lane wait for it.
public final class Server: Sendable {
  /// Requests that may wait for each other.
  public enum Lane: Hashable, Sendable {
    case answers
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
    /// Larger bodies are refused with 413.
    public var bodyBytes = 1 << 20

    public init() {}
  }

  public let host: String
  /// The one asked for, or for 0 the one the system chose.
  public let port: UInt16
  private let daemon: HTTPDaemon

  /// Listens, so that the port is ours and known; `start` begins to answer.
  ///
  /// - Errors: `.unavailable` when the address is in use, `.invalid` when it is not a loopback address.
  public init(
    host: String, port: UInt16, options: Options = Options(), respond: @escaping @Sendable (Request) -> Response
  ) throws(Failure) {
    let socket = try ListeningSocket(host: host, port: port)
    self.host = host
    self.port = socket.port
    daemon = HTTPDaemon(socket: socket, options: options, respond: respond)
  }

  deinit { stop() }

  public func start() throws(Failure) { try daemon.start() }

  /// Closes all connections and returns when the threads have ended, so after any `respond` that runs; what it says may not
  /// reach its client any more. Not to be called from `respond`, which would wait for itself.
  public func stop() { daemon.stop() }
}
