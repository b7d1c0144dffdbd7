import Basics
import CMicroHTTPD
import Glibc
import Synchronization

/// Owns an `MHD_Daemon`, the listening socket it serves, and what its callbacks point to.
///
/// The library's own threads read and write; requests are answered on the threads of a lane, while their connections are
/// suspended, so a slow answer holds up nobody but those behind it in its lane.
///
/// `@unchecked Sendable`: `state` is only touched under its mutex; the rest is constant. The callbacks' pointer to `self` is
/// not retained: `stop`, called from `Server.deinit` at the latest, ends all threads that could use it.
final class HTTPDaemon: @unchecked Sendable {
  private enum State {
    case idle
    case running(OpaquePointer)
    case stopped
  }

  /// One request while its body arrives, and its answer; owned by the connection's `con_cls` until the request is completed.
  ///
  /// `@unchecked Sendable`: while its connection is suspended the lane's thread has it, else the library's.
  private final class Exchange: @unchecked Sendable {
    var body: [UInt8] = []
    var response: Response?
  }

  /// A suspended connection, which is valid until it is resumed.
  private struct Suspended: @unchecked Sendable {
    let connection: OpaquePointer
  }

  /// Of one connection: headers and the target of a request, parts of its body.
  private static let connectionBytes = 64 << 10
  /// That read requests and write answers.
  private static let networkThreads: UInt32 = 2
  private static let peerThreads = 2
  private static let operationThreads = 2

  private let socket: ListeningSocket
  private let options: Server.Options
  private let respond: @Sendable (Request) -> Response
  private let lanes: [Server.Lane: LaneThreads]
  /// No more requests go to the lanes.
  private let isStopping = Mutex(false)
  // OpaquePointer is not Sendable: see the type's comment.
  private nonisolated(unsafe) var state = State.idle
  private let guardian = Mutex(())

  init(socket: ListeningSocket, options: Server.Options, respond: @escaping @Sendable (Request) -> Response) {
    self.socket = socket
    self.options = options
    self.respond = respond
    lanes = [
      .answers: LaneThreads(name: "answers", threads: options.threads),
      .peers: LaneThreads(name: "peers", threads: HTTPDaemon.peerThreads),
      .operations: LaneThreads(name: "operations", threads: HTTPDaemon.operationThreads),
    ]
  }

  func start() throws(Failure) {
    let failed = guardian.withLock { (_) -> Bool in
      guard case .idle = state else { return false }
      let context = Unmanaged.passUnretained(self).toOpaque()
      let daemon = mhd_start(
        socket.descriptor, HTTPDaemon.networkThreads, UInt32(clamping: options.connections),
        UInt32(clamping: options.idleSeconds), HTTPDaemon.connectionBytes, HTTPDaemon.handle, HTTPDaemon.completed,
        context)
      guard let daemon else {
        // Whether the library has closed the socket by then is not said; closing it twice could close somebody else's file.
        state = .stopped
        return true
      }
      state = .running(daemon)
      return false
    }
    if failed { throw .unavailable("the HTTP server cannot start: \(String(cString: strerror(errno)))") }
  }

  func stop() {
    // The library must not be stopped while connections are suspended, so what was asked is answered first.
    isStopping.withLock { $0 = true }
    for lane in lanes.values { lane.end() }
    guardian.withLock { _ in
      switch state {
      // Waits for its threads, and closes the socket.
      case .running(let daemon): MHD_stop_daemon(daemon)
      case .idle: close(socket.descriptor)
      case .stopped: break
      }
      state = .stopped
    }
  }

  private static let handle: MHD_AccessHandlerCallback = {
    context, connection, url, method, version, data, size, state in
    Unmanaged<HTTPDaemon>.fromOpaque(context!).takeUnretainedValue()
      .receive(connection!, url!, method!, version!, data, &size!.pointee, &state!.pointee)
  }

  private static let completed: MHD_RequestCompletedCallback = { _, _, state, _ in
    guard let exchange = state?.pointee else { return }
    Unmanaged<Exchange>.fromOpaque(exchange).release()
    state!.pointee = nil
  }

  /// Called once when the headers are there, then for each part of a body, then once more.
  private func receive(
    _ connection: OpaquePointer, _ url: UnsafePointer<CChar>, _ method: UnsafePointer<CChar>,
    _ version: UnsafePointer<CChar>, _ data: UnsafePointer<CChar>?, _ size: inout Int,
    _ state: inout UnsafeMutableRawPointer?
  ) -> MHD_Result {
    guard let known = state else {
      state = Unmanaged.passRetained(Exchange()).toOpaque()
      guard announcedBytes(connection) <= options.bodyBytes else { return queue(connection, HTTPDaemon.tooLarge) }
      guard !isForeign(connection, method) else { return queue(connection, HTTPDaemon.foreign) }
      // The library would refuse it too, when told to be pedantic, but with a garbled answer.
      let isHostless = strcmp(version, "HTTP/1.1") == 0 && value(connection, "Host") == nil
      return isHostless ? queue(connection, HTTPDaemon.hostless) : HTTPDaemon.yes
    }
    let exchange = Unmanaged<Exchange>.fromOpaque(known).takeUnretainedValue()
    if let response = exchange.response { return queue(connection, response) }
    guard size == 0 else {
      exchange.body.append(contentsOf: UnsafeRawBufferPointer(start: data, count: size))
      size = 0
      // In the middle of a body of unknown length nothing can be answered: the connection is closed.
      return exchange.body.count <= options.bodyBytes ? HTTPDaemon.yes : HTTPDaemon.no
    }
    let request = Request(
      String(cString: method), String(cString: url), query: items(connection), body: exchange.body,
      contentType: value(connection, "Content-Type"))
    guard let lane = options.lane(request.path) else { return queue(connection, respond(request)) }
    return answer(request, exchange, connection, lanes[lane]!)
  }

  private func answer(
    _ request: Request, _ exchange: Exchange, _ connection: OpaquePointer, _ lane: LaneThreads
  ) -> MHD_Result {
    let suspended = Suspended(connection: connection)
    // Under the lock, so that a lane that ends has all that was suspended.
    let isTaken = isStopping.withLock { isStopping in
      guard !isStopping else { return false }
      MHD_suspend_connection(connection)
      lane.add { [self] in
        exchange.response = respond(request)
        MHD_resume_connection(suspended.connection)
      }
      return true
    }
    return isTaken ? HTTPDaemon.yes : queue(connection, HTTPDaemon.stopping)
  }

  /// A browser sends what any page tells it to, to this machine too, and says whose page it was.
  private func isForeign(_ connection: OpaquePointer, _ method: UnsafePointer<CChar>) -> Bool {
    guard strcmp(method, "GET") != 0, strcmp(method, "HEAD") != 0, let origin = value(connection, "Origin") else {
      return false
    }
    return origin != "http://\(value(connection, "Host") ?? "")"
  }

  private func announcedBytes(_ connection: OpaquePointer) -> Int {
    guard let text = value(connection, "Content-Length") else { return 0 }
    return Int(text) ?? .max
  }

  private func value(_ connection: OpaquePointer, _ header: String) -> String? {
    MHD_lookup_connection_value(connection, HTTPDaemon.header, header).map { String(cString: $0) }
  }

  private func items(_ connection: OpaquePointer) -> [(name: String, value: String)] {
    var items: [(name: String, value: String)] = []
    withUnsafeMutablePointer(to: &items) { items in
      _ = MHD_get_connection_values_n(
        connection, HTTPDaemon.argument,
        { items, _, name, nameSize, value, valueSize in
          let text = { (start: UnsafePointer<CChar>?, count: Int) in
            String(decoding: UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count), as: UTF8.self)
          }
          items!.assumingMemoryBound(to: [(name: String, value: String)].self).pointee
            .append((text(name, nameSize), text(value, valueSize)))
          return HTTPDaemon.yes
        }, items)
    }
    return items
  }

  private func queue(_ connection: OpaquePointer, _ response: Response) -> MHD_Result {
    let made = response.bytes.withUnsafeBufferPointer { bytes in
      MHD_create_response_from_buffer(
        bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), HTTPDaemon.copied)
    }
    guard let made else { return HTTPDaemon.no }
    defer { MHD_destroy_response(made) }
    for header in response.headers { _ = MHD_add_response_header(made, header.name, header.value) }
    return MHD_queue_response(connection, UInt32(response.status), made)
  }

  private static let stopping = Response.problem(503, "the server is being stopped", [Response.retrySoon])
  private static let foreign = Response.problem(403, "a page of another origin may only look")
  private static let hostless = Response.problem(400, "the request names no host")
  private static let tooLarge = Response.problem(413, "the request's body is larger than this server takes")

  // The library's enums are closed, so their names do not reach Swift: MHD_NO, MHD_YES, MHD_HEADER_KIND,
  // MHD_GET_ARGUMENT_KIND, MHD_RESPMEM_MUST_COPY.
  private static let no = MHD_Result(rawValue: 0)!
  private static let yes = MHD_Result(rawValue: 1)!
  private static let header = MHD_ValueKind(rawValue: 1)!
  private static let argument = MHD_ValueKind(rawValue: 8)!
  private static let copied = MHD_ResponseMemoryMode(rawValue: 2)!
}
