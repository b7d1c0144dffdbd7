import Basics
import Collector
import Dataflow
import Dispatch
import Foundation
import Logs
import Runtime
import Service
import Settings

/// Follows the log with every configured topology and answers over HTTP, until SIGTERM.
enum Serve {
  static let syntax = CommandSyntax(
    verb: "serve", positional: ["TOPOLOGY.yaml..."],
    summary: "Follow the log, embedded or Kafka's, and answer over HTTP; SIGTERM commits and ends.",
    options: [
      .value("listen", "HOST:PORT", "where to answer (default 127.0.0.1:8080; port 0 takes a free one)"),
      .value("threads", "N", "worker threads of each topology (default: one per core)"),
      .flag("collect-only", "take events and process none: one of any number of collectors before a log"),
      .flag("insecure", "without API keys, let other machines read and collect everything"),
      .value("verify-every", "DURATION", "rebuild what is served so often, at low priority, and compare every cell"),
      Place.memoryOption,
    ] + Place.options,
    examples: [
      "millrace serve --config config/local.yaml",
      "millrace serve topologies/web.yaml --data /tmp/web --listen 127.0.0.1:9000",
    ])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let place = try Place(arguments)
    var listen = place.configuration.listen
    if let text = arguments.text("listen") {
      guard let address = Address(text) else {
        throw .invalid("--listen takes an address such as 127.0.0.1:8080, not '\(text)'")
      }
      listen = address
    }
    let files = arguments.positional.isEmpty ? place.configuration.topologies : arguments.positional
    let isCollector = arguments.has("collect-only")
    guard isCollector ? arguments.positional.isEmpty : !files.isEmpty else {
      throw .invalid(
        isCollector
          ? "--collect-only serves no topology, so none is to be named"
          : "no topology to serve: name one, or list some under 'topologies' in the configuration")
    }
    var topologies: [(text: String, topology: Topology)] = []
    for file in isCollector ? [] : files { topologies.append(try Place.loadTopology(file)) }
    let serving = try Serving(
      place, topologies, listen: listen,
      threads: try arguments.integer("threads", in: 1...256) ?? ProcessInfo.processInfo.activeProcessorCount,
      verifyMilliseconds: try arguments.duration("verify-every"), isInsecure: arguments.has("insecure"))
    let ended = DispatchSemaphore(value: 0)
    let interrupts = Interrupts { ended.signal() }
    let hangups = Hangups { serving.renew() }
    try serving.start()
    let names = topologies.map(\.topology.name).joined(separator: ", ")
    Console.note("serving \(isCollector ? "no topology, only collecting," : names) on \(serving.url)")
    ended.wait()
    Console.note("stopping: committing what was read")
    serving.stop()
    withExtendedLifetime((interrupts, hangups)) {}
    return 0
  }
}

/// A node and the server before it.
final class Serving: Sendable {
  let node: Node
  private let server: Server
  private let api: API
  private let collector: Collector?
  private let advertised: String?
  private let tls: Configuration.TLS?

  init(
    _ place: Place, _ topologies: [(text: String, topology: Topology)], listen: Address, threads: Int,
    verifyMilliseconds: Int64? = nil, isInsecure: Bool = false
  ) throws(Failure) {
    let topics =
      topologies.isEmpty
      ? [place.configuration.collect.topic ?? "events"] : Set(topologies.map(\.topology.source.topic))
    guard topics.count == 1 || place.kafka != nil, let topic = topics.first else {
      throw .invalid("topologies of one server read one topic; these read \(topics.sorted().joined(separator: ", "))")
    }
    let names = topologies.map(\.topology.name)
    for (index, name) in names.enumerated() where names[..<index].contains(name) {
      throw .invalid("two of the files are topology '\(name)': a server has each name once")
    }
    let data = try place.openData(create: true)
    let source = try Serving.source(place, topic)
    var options = Node.Options(memory: place.memoryBytes, threads: threads)
    options.verifyMilliseconds = verifyMilliseconds
    let kept = place.configuration.generations
    if kept.checkpoints > 0 { options.ownCheckpoints = (kept.checkpointMilliseconds, kept.checkpoints) }
    options.keeping = place.keeping
    options.checkpoints = place.configuration.checkpoints.map { ($0.path, $0.everyMilliseconds) }
    node = try Node(
      data, source: source, topologyFiles: topologies,
      options: options
    ) { Console.note($0) }
    advertised = place.configuration.advertise.map(String.init(describing:))
    tls = place.configuration.tls
    let keys = try KeyRing(KeyFile(place.configuration.keysPath), peerKey: place.configuration.peerKey) {
      Console.warn($0)
    }
    collector = try Serving.collector(place, source, topics)
    var door = Door.Options()
    door.origins = place.configuration.http.origins
    door.visitors = try Serving.visitors(place.configuration.collect)
    var peers = PeerAccess()
    if tls != nil { peers.scheme = "https" }
    peers.key = place.configuration.peerKey
    var api = API(node, collector: collector, peers: peers, version: Millrace.version)
    api.sharedMilliseconds = 250
    self.api = api
    var http = try Serving.options(place)
    http.isPublic = isInsecure || !keys.isOpen
    http.headers = door.visitors.headers
    http.responses = api.responses
    http.looksAtAddresses = door.visitors.database != nil && door.visitors.addressHeader == nil
    server = try Server(
      host: listen.host, port: listen.port, options: http,
      responder: Door(api, collector: collector, keys: keys, options: door))
  }

  private static func options(_ place: Place) throws(Failure) -> Server.Options {
    let configured = place.configuration.http
    var http = Server.Options()
    http.threads = configured.threads
    http.collectThreads = place.configuration.collect.threads
    http.lane = API.lane
    http.connections = configured.connections
    http.connectionsPerAddress = configured.connectionsPerAddress
    http.idleSeconds = max(1, Int(configured.idleMilliseconds / 1_000))
    http.requestMilliseconds = configured.requestMilliseconds
    http.certificate = try place.configuration.tls.map { (tls) throws(Failure) in try certificate(tls) }
    return http
  }

  private static func visitors(_ configured: Configuration.Collect) throws(Failure) -> VisitorLook {
    var look = VisitorLook()
    look.countryHeader = configured.countryHeader
    look.addressHeader = configured.addressHeader
    look.database = try configured.geoDatabase.map { (path) throws(Failure) in try GeoDatabase(path) }
    return look
  }

  private static func certificate(_ tls: Configuration.TLS) throws(Failure) -> Server.Certificate {
    Server.Certificate(certificate: try TextFile.read(tls.certificate), key: try TextFile.read(tls.key))
  }

  /// Takes events for the one topic that is meant.
  private static func collector(
    _ place: Place, _ source: Node.Source, _ topics: Set<String>
  ) throws(Failure) -> Collector? {
    var options = Collector.Options()
    options.inFlightBytes = Int(place.configuration.collect.inFlight.bytes(of: Int64(Place.machineMemory)))
    switch source {
    case .embedded(let log):
      if let topic = place.configuration.collect.topic, topic != log.topic {
        throw .invalid("'collect.topic' is '\(topic)', but the embedded log here is of '\(log.topic)'")
      }
      return Collector(log, options: options)
    case .kafka(let kafka):
      guard let topic = place.configuration.collect.topic ?? (topics.count == 1 ? topics.first : nil) else {
        Console.warn(
          "events are not taken over HTTP: the topologies read \(topics.sorted().joined(separator: ", ")), so set "
            + "collect.topic to the one they go to")
        return nil
      }
      return try Collector(kafka, topic: topic, options: options)
    }
  }

  /// Reads the certificate again. What is wrong with it is said, and the former one still counts.
  func renew() {
    guard let tls else { return Console.warn("SIGHUP renews the certificate, and there is none: see 'tls'") }
    do throws(Failure) {
      try server.renew(try Serving.certificate(tls))
      Console.note("the certificate in \(tls.certificate) counts from now on")
    } catch { Console.warn("\(error.message): the former certificate still counts") }
  }

  private static func source(_ place: Place, _ topic: String) throws(Failure) -> Node.Source {
    if let kafka = place.kafka { return .kafka(kafka) }
    let log = try place.openLog(topic: topic, readOnly: false)
    if let files = try Import.unfinished(log) {
      Console.warn(
        "an import of \(files.joined(separator: " ")) was interrupted: run it again to finish it")
    }
    return .embedded(log)
  }

  /// Whether nobody listens there now.
  static func isFree(_ address: Address) -> Bool {
    (try? Server(host: address.host, port: address.port) { _ in preconditionFailure("not started") }) != nil
  }

  var url: String { "\(tls == nil ? "http" : "https")://\(Address(host: server.host, port: server.port))" }

  func start() throws(Failure) {
    node.start(answeringAt: advertised ?? "\(Address(host: server.host, port: server.port))")
    try server.start()
  }

  func stop() {
    server.stop()
    api.stop()
    collector?.stop()
    node.stop()
  }
}
