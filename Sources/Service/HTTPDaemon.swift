import Basics
import CMicroHTTPD
import Dispatch
import Glibc
import Runtime
import Synchronization

/// Owns an `MHD_Daemon`, the listening socket it serves, and what its callbacks point to.
///
/// The library's own threads read and write; requests are answered on the threads of a lane, while their connections are
/// suspended, so a slow answer holds up nobody but those behind it in its lane. An answer may also come later and from
/// elsewhere: then a suspended connection is all that waits.
///
/// `@unchecked Sendable`: `state` is only touched under its mutex; the rest is constant. The callbacks' pointer to `self` is
/// not retained: `stop`, called from `Server.deinit` at the latest, ends all threads that could use it.
final class HTTPDaemon: @unchecked Sendable {
  private enum State {
    case idle
    /// The one that takes connections, and those before it that still have some, under a former certificate.
    case running(OpaquePointer, former: [Former])
    case stopped
  }

  /// A daemon that takes no more connections, and the socket that it left to us.
  private struct Former {
    let daemon: OpaquePointer
    let socket: Int32

    func stop() {
      MHD_stop_daemon(daemon)
      if socket >= 0 { close(socket) }
    }
  }

  /// One request while its body arrives, and its answer; owned by the connection's `con_cls` until the request is completed.
  ///
  /// `@unchecked Sendable`: while its connection is suspended whoever answers has it, else the library's thread.
  fileprivate final class Exchange: @unchecked Sendable {
    var request: Request
    var admission: Admission
    var response: Response?
    /// When the head was there.
    let startedMicroseconds = monotonicMicroseconds()
    /// Of a body that nobody wants.
    var bytesForgotten = 0

    init(_ request: Request, _ admission: Admission) {
      self.request = request
      self.admission = admission
    }
  }

  /// An answer without an end and where it goes; the library keeps it until the response is destroyed.
  private final class Flow: Sendable {
    let outflow: Outflow
    let suspended: Suspended

    init(_ outflow: Outflow, _ suspended: Suspended) {
      self.outflow = outflow
      self.suspended = suspended
    }
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
  /// Of an answer without an end, at a time.
  private static let flowBytes = 16 << 10
  /// That clients get to take the end of such an answer when the server stops.
  private static let flowEndMilliseconds = 1_000
  /// So much of an unwanted body is read for the sake of a sender that only then reads the answer.
  private static let forgottenBytes = 8 << 20

  private let options: Server.Options
  private let responder: any Responder
  private let lanes: [Server.Lane: LaneThreads]
  /// No more requests go to the lanes.
  private let isStopping = Mutex(false)
  private let slowHeads: SlowHeads
  /// Connections that are suspended until there is an answer.
  private let waiting = DispatchGroup()
  /// Answers without an end, which are ended when the server is; from then on there are no more.
  private let flows = Mutex<(open: [ObjectIdentifier: Outflow], isEnding: Bool)>(([:], false))
  /// Requests answered so that are not completed.
  private let flowing = DispatchGroup()
  // OpaquePointer is not Sendable: see the type's comment.
  private nonisolated(unsafe) var state = State.idle
  /// The socket of the one that takes connections; guarded as `state`.
  private nonisolated(unsafe) var listening: Int32
  private let guardian = Mutex(())

  init(socket: ListeningSocket, options: Server.Options, responder: any Responder) {
    listening = socket.descriptor
    self.options = options
    self.responder = responder
    slowHeads = SlowHeads(limitMilliseconds: options.requestMilliseconds)
    lanes = [
      .answers: LaneThreads(name: "answers", threads: options.threads),
      .collecting: LaneThreads(name: "collect", threads: options.collectThreads),
      .peers: LaneThreads(name: "peers", threads: HTTPDaemon.peerThreads),
      .operations: LaneThreads(name: "operations", threads: HTTPDaemon.operationThreads),
    ]
  }

  func start() throws(Failure) {
    let failed = guardian.withLock { (_) -> Bool in
      guard case .idle = state else { return false }
      guard let daemon = make(listening, options.certificate) else {
        // Whether the library has closed the socket by then is not said; closing it twice could close somebody else's file.
        state = .stopped
        return true
      }
      state = .running(daemon, former: [])
      slowHeads.start()
      return false
    }
    if failed { throw HTTPDaemon.cannotStart(options.certificate) }
  }

  private func make(_ descriptor: Int32, _ certificate: Server.Certificate?) -> OpaquePointer? {
    mhd_start(
      descriptor, HTTPDaemon.networkThreads, UInt32(clamping: options.connections),
      UInt32(clamping: options.connectionsPerAddress), UInt32(clamping: options.idleSeconds),
      HTTPDaemon.connectionBytes, certificate?.certificate, certificate?.key, HTTPDaemon.handle, HTTPDaemon.completed,
      HTTPDaemon.connected, Unmanaged.passUnretained(self).toOpaque())
  }

  private static func cannotStart(_ certificate: Server.Certificate?) -> Failure {
    certificate == nil
      ? .unavailable("the HTTP server cannot start: \(String(cString: strerror(errno)))")
      : .invalid("the HTTPS server cannot start: the certificate and the key are no pair of PEM files")
  }

  /// Takes new connections with another certificate; those there are go on with theirs.
  ///
  /// - Errors: `.invalid` for files that are no pair; then the former certificate still counts.
  func renew(_ certificate: Server.Certificate) throws(Failure) {
    let failed = guardian.withLock { (_) -> Bool in
      guard case .running(let old, var former) = state else { return false }
      // Both listen for a moment, so that nobody is turned away.
      let descriptor = dup(listening)
      guard descriptor >= 0, let new = make(descriptor, certificate) else { return true }
      former.append(Former(daemon: old, socket: MHD_quiesce_daemon(old)))
      listening = descriptor
      let idle = former.filter { mhd_connections($0.daemon) == 0 }
      former.removeAll { former in idle.contains { $0.daemon == former.daemon } }
      for former in idle { former.stop() }
      state = .running(new, former: former)
      return false
    }
    if failed { throw HTTPDaemon.cannotStart(certificate) }
  }

  func stop() {
    // The library must not be stopped while connections are suspended, so what was asked is answered first.
    isStopping.withLock { $0 = true }
    for lane in lanes.values { lane.end() }
    waiting.wait()
    // Nor while these sleep: they wake to their end, and none sleeps again.
    let open = flows.withLock { flows in
      flows.isEnding = true
      return Array(flows.open.values)
    }
    for outflow in open { outflow.end() }
    // Somebody who does not read does not hold the server up.
    _ = flowing.wait(timeout: .now() + .milliseconds(HTTPDaemon.flowEndMilliseconds))
    guardian.withLock { _ in
      switch state {
      case .running(let daemon, let former):
        // Waits for its threads, and closes the socket.
        MHD_stop_daemon(daemon)
        for former in former { former.stop() }
        slowHeads.stop()
      case .idle: close(listening)
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

  private static let completed: MHD_RequestCompletedCallback = { context, connection, state, _ in
    slowHead(connection)?.requestIsDone()
    guard let known = state?.pointee else { return }
    let exchange = Unmanaged<Exchange>.fromOpaque(known).takeRetainedValue()
    if let outflow = exchange.response?.outflow {
      Unmanaged<HTTPDaemon>.fromOpaque(context!).takeUnretainedValue().forget(outflow)
    }
    state!.pointee = nil
  }

  private static let connected: MHD_NotifyConnectionCallback = { context, connection, place, event in
    let daemon = Unmanaged<HTTPDaemon>.fromOpaque(context!).takeUnretainedValue()
    if event.rawValue == 0 {
      let new = SlowHeads.Connection(mhd_socket(connection!))
      daemon.slowHeads.add(new)
      place!.pointee = Unmanaged.passRetained(new).toOpaque()
    } else if let known = place!.pointee {
      daemon.slowHeads.remove(Unmanaged<SlowHeads.Connection>.fromOpaque(known).takeRetainedValue())
      place!.pointee = nil
    }
  }

  private static func slowHead(_ connection: OpaquePointer?) -> SlowHeads.Connection? {
    mhd_left(connection!).map { Unmanaged<SlowHeads.Connection>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Called once when the headers are there, then for each part of a body, then once more.
  private func receive(
    _ connection: OpaquePointer, _ url: UnsafePointer<CChar>, _ method: UnsafePointer<CChar>,
    _ version: UnsafePointer<CChar>, _ data: UnsafePointer<CChar>?, _ size: inout Int,
    _ state: inout UnsafeMutableRawPointer?
  ) -> MHD_Result {
    guard let known = state else {
      HTTPDaemon.slowHead(connection)?.headIsThere()
      let exchange = begin(connection, url, method, version)
      state = Unmanaged.passRetained(exchange).toOpaque()
      return mayReadOn(exchange) ? HTTPDaemon.yes : queue(connection, exchange.response!, exchange)
    }
    let exchange = Unmanaged<Exchange>.fromOpaque(known).takeUnretainedValue()
    guard size > 0 else {
      if let response = exchange.response { return queue(connection, response, exchange) }
      guard let lane = options.lane(exchange.request.path) else {
        responder.respond(exchange.request, exchange.admission) { exchange.response = $0 }
        return queue(connection, exchange.response ?? HTTPDaemon.stopping, exchange)
      }
      return answer(exchange, connection, lanes[lane]!)
    }
    defer { size = 0 }
    // Somebody who sends a byte now and then would keep the connection for ever.
    let milliseconds = (monotonicMicroseconds() - exchange.startedMicroseconds) / 1_000
    guard milliseconds <= options.requestMilliseconds else { return HTTPDaemon.no }
    if exchange.response == nil, exchange.request.body.count + size > exchange.admission.bodyBytes {
      refuse(exchange, HTTPDaemon.tooLarge)
    }
    guard exchange.response != nil else {
      exchange.request.body.append(contentsOf: UnsafeRawBufferPointer(start: data, count: size))
      return HTTPDaemon.yes
    }
    exchange.bytesForgotten += size
    // In the middle of a body nothing can be answered: the connection is closed.
    return exchange.bytesForgotten <= HTTPDaemon.forgottenBytes ? HTTPDaemon.yes : HTTPDaemon.no
  }

  private func begin(
    _ connection: OpaquePointer, _ url: UnsafePointer<CChar>, _ method: UnsafePointer<CChar>,
    _ version: UnsafePointer<CChar>
  ) -> Exchange {
    var request = Request(String(cString: method), String(cString: url), query: items(connection))
    for name in Request.headerNames + options.headers { request.headers[name] = value(connection, name) }
    if options.looksAtAddresses { request.address = HTTPDaemon.address(connection) }
    let announced = announcedBytes(connection)
    request.bytesAnnounced = announced
    // The library would refuse it too, when told to be pedantic, but with a garbled answer.
    guard strcmp(version, "HTTP/1.1") != 0 || request.headers["host"] != nil else {
      return Exchange(request, Admission(refusal: HTTPDaemon.hostless)).refused
    }
    var admission = responder.admit(request)
    if admission.refusal == nil, let announced, announced > admission.bodyBytes {
      admission.refusal = HTTPDaemon.tooLarge
    }
    if admission.refusal == nil, !admission.takesForeignPages, isForeign(request) {
      admission.refusal = HTTPDaemon.foreign
    }
    let exchange = Exchange(request, admission).refused
    if exchange.response != nil { exchange.admission.ticket = nil }
    if let announced, exchange.response == nil { exchange.request.body.reserveCapacity(announced) }
    return exchange
  }

  /// Whether the body of a refused request is read before the answer: not one that is endless, nor one whose sender waits to be
  /// asked for it.
  private func mayReadOn(_ exchange: Exchange) -> Bool {
    exchange.response == nil
      || (exchange.request.headers["expect"] == nil
        && (exchange.request.bytesAnnounced ?? 0) <= HTTPDaemon.forgottenBytes)
  }

  private func refuse(_ exchange: Exchange, _ response: Response) {
    exchange.response = response
    exchange.request.body = []
    exchange.admission.ticket = nil
  }

  private func answer(_ exchange: Exchange, _ connection: OpaquePointer, _ lane: LaneThreads) -> MHD_Result {
    let suspended = Suspended(connection: connection)
    // Under the lock, so that a lane that ends has all that was suspended.
    let isTaken = isStopping.withLock { isStopping in
      guard !isStopping else { return false }
      waiting.enter()
      MHD_suspend_connection(connection)
      let socket = mhd_socket(connection)
      lane.add { [self] in
        var request = exchange.request
        request.isGone = { HTTPDaemon.isClosed(socket) }
        // The body goes with the request, which may be done with it long before the answer.
        exchange.request.body = []
        responder.respond(request, exchange.admission) { [self] response in
          exchange.response = response
          exchange.admission.ticket = nil
          MHD_resume_connection(suspended.connection)
          waiting.leave()
        }
      }
      return true
    }
    return isTaken ? HTTPDaemon.yes : queue(connection, HTTPDaemon.stopping, exchange)
  }

  /// Whether whoever is connected has closed the connection.
  private static func isClosed(_ socket: Int32) -> Bool {
    var byte: UInt8 = 0
    return recv(socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) == 0
  }

  /// A browser sends what any page tells it to, to this machine too, and says whose page it was.
  private func isForeign(_ request: Request) -> Bool {
    guard request.method != "GET", request.method != "HEAD", let origin = request.headers["origin"] else {
      return false
    }
    return origin != "\(options.certificate == nil ? "http" : "https")://\(request.headers["host"] ?? "")"
  }

  /// Nil for a body of unknown length, or none.
  private func announcedBytes(_ connection: OpaquePointer) -> Int? {
    guard let text = value(connection, "content-length") else { return nil }
    return Int(text) ?? .max
  }

  private func value(_ connection: OpaquePointer, _ header: String) -> String? {
    MHD_lookup_connection_value(connection, HTTPDaemon.header, header).map { String(cString: $0) }
  }

  private static func address(_ connection: OpaquePointer) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { text in
      mhd_address(connection, text.baseAddress!, UInt32(text.count)) ? String(cString: text.baseAddress!) : nil
    }
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

  private func queue(_ connection: OpaquePointer, _ response: Response, _ exchange: Exchange) -> MHD_Result {
    if let outflow = response.outflow { return queue(connection, response, outflow, exchange) }
    let made = response.bytes.withUnsafeBufferPointer { bytes in
      MHD_create_response_from_buffer(
        bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), HTTPDaemon.copied)
    }
    guard let made else { return HTTPDaemon.no }
    defer { MHD_destroy_response(made) }
    options.responses.add(
      options.lane(exchange.request.path), status: response.status,
      milliseconds: (monotonicMicroseconds() - exchange.startedMicroseconds) / 1_000)
    for header in response.headers + exchange.admission.headers {
      _ = MHD_add_response_header(made, header.name, header.value)
    }
    _ = MHD_add_response_header(made, "Server-Timing", exchange.timing)
    return MHD_queue_response(connection, UInt32(response.status), made)
  }

  private func queue(
    _ connection: OpaquePointer, _ response: Response, _ outflow: Outflow, _ exchange: Exchange
  ) -> MHD_Result {
    let isTaken = flows.withLock { flows in
      guard !flows.isEnding else { return false }
      flows.open[ObjectIdentifier(outflow)] = outflow
      flowing.enter()
      return true
    }
    guard isTaken else {
      outflow.close()
      return queue(connection, HTTPDaemon.stopping, exchange)
    }
    let flow = Unmanaged.passRetained(Flow(outflow, Suspended(connection: connection)))
    guard
      let made = MHD_create_response_from_callback(
        UInt64.max, HTTPDaemon.flowBytes, HTTPDaemon.flow, flow.toOpaque(),
        { Unmanaged<Flow>.fromOpaque($0!).release() })
    else {
      flow.release()
      return HTTPDaemon.no
    }
    defer { MHD_destroy_response(made) }
    for header in response.headers + exchange.admission.headers {
      _ = MHD_add_response_header(made, header.name, header.value)
    }
    return MHD_queue_response(connection, UInt32(response.status), made)
  }

  /// The next part of an answer without an end: suspends the connection when there is none yet.
  private static let flow: MHD_ContentReaderCallback = { context, _, buffer, count in
    let flow = Unmanaged<Flow>.fromOpaque(context!).takeUnretainedValue()
    let suspended = flow.suspended
    let part = flow.outflow.read(
      into: UnsafeMutableRawBufferPointer(start: buffer, count: count),
      wake: { MHD_resume_connection(suspended.connection) }, sleep: { MHD_suspend_connection(suspended.connection) })
    switch part {
    case .bytes(let count): return count
    case .later: return 0
    case .end: return -1  // MHD_CONTENT_READER_END_OF_STREAM
    case .broken: return -2  // MHD_CONTENT_READER_END_WITH_ERROR
    }
  }

  /// Its request is completed, whether or not it was queued.
  private func forget(_ outflow: Outflow) {
    outflow.close()
    let wasOpen = flows.withLock { $0.open.removeValue(forKey: ObjectIdentifier(outflow)) != nil }
    if wasOpen { flowing.leave() }
  }

  private static let stopping = Response.problem(503, "the server is being stopped", [Response.retrySoon])
  private static let foreign = Response.problem(403, "a page of another origin may only look")
  private static let hostless = Response.problem(
    400, "the request names no host", [Response.Header(name: "Connection", value: "close")])
  private static let tooLarge = Response.problem(413, "the request's body is larger than this server takes")

  // The library's enums are closed, so their names do not reach Swift: MHD_NO, MHD_YES, MHD_HEADER_KIND,
  // MHD_GET_ARGUMENT_KIND, MHD_RESPMEM_MUST_COPY.
  private static let no = MHD_Result(rawValue: 0)!
  private static let yes = MHD_Result(rawValue: 1)!
  private static let header = MHD_ValueKind(rawValue: 1)!
  private static let argument = MHD_ValueKind(rawValue: 8)!
  private static let copied = MHD_ResponseMemoryMode(rawValue: 2)!
}

extension HTTPDaemon.Exchange {
  /// What the server took for the answer, its wait for a thread included; browsers show it beside what the network took.
  fileprivate var timing: String {
    let microseconds = monotonicMicroseconds() - startedMicroseconds
    return "total;dur=\(DecimalText.format(Int128(microseconds), scale: 3))"
  }

  /// With the answer that its admission has already.
  fileprivate var refused: Self {
    response = admission.refusal
    return self
  }
}
