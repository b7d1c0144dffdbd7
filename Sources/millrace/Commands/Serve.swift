import Basics
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
    guard !files.isEmpty else {
      throw .invalid("no topology to serve: name one, or list some under 'topologies' in the configuration")
    }
    var topologies: [(text: String, topology: Topology)] = []
    for file in files { topologies.append(try Place.loadTopology(file)) }
    let serving = try Serving(
      place, topologies, listen: listen,
      threads: try arguments.integer("threads", in: 1...256) ?? ProcessInfo.processInfo.activeProcessorCount,
      verifyMilliseconds: try arguments.duration("verify-every"))
    let ended = DispatchSemaphore(value: 0)
    let interrupts = Interrupts { ended.signal() }
    try serving.start()
    Console.note("serving \(topologies.map(\.topology.name).joined(separator: ", ")) on \(serving.url)")
    ended.wait()
    Console.note("stopping: committing what was read")
    serving.stop()
    withExtendedLifetime(interrupts) {}
    return 0
  }
}

/// A node and the server before it.
final class Serving {
  let node: Node
  private let server: Server
  private let advertised: String?

  init(
    _ place: Place, _ topologies: [(text: String, topology: Topology)], listen: Address, threads: Int,
    verifyMilliseconds: Int64? = nil
  ) throws(Failure) {
    let topics = Set(topologies.map(\.topology.source.topic))
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
    let api = API(node, version: Millrace.version)
    var http = Server.Options()
    http.threads = place.configuration.http.threads
    http.lane = API.lane
    http.connections = place.configuration.http.connections
    server = try Server(host: listen.host, port: listen.port, options: http) { api.respond($0) }
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

  var url: String { "http://\(Address(host: server.host, port: server.port))" }

  func start() throws(Failure) {
    node.start(answeringAt: advertised ?? "\(Address(host: server.host, port: server.port))")
    try server.start()
  }

  func stop() {
    server.stop()
    node.stop()
  }
}
