import Basics
import Dataflow
import Foundation
import Logs
import Runtime
import Service

/// A node over a log of two partitions in a directory of its own, which has read everything; removed with it.
///
/// | user | partition | what |
/// | --- | --- | --- |
/// | bob | 0 | looks, adds, buys in DE on 2026-03-01; his first event is there twice, and one of his is late |
/// | cid | 0 | looks, nobody knows where |
/// | - | 0 | a record that is not JSON |
/// | ada | 1 | looks at 12:20 and, in another session, at 13:10, in FR |
final class TestNode {
  let directory: String
  private(set) var node: Node!
  /// One: it keeps answers.
  private var made: API?
  var api: API { made! }

  static let topology = """
    topology: web
    views:
      traffic:
        rollup:
          of: events
          by: [event_type, geo.country]
          measures:
            events: count
            users: distinct(user_id)
            revenue: sum(properties.amount, scale=2)
            price: avg(properties.amount)
          grains: { minute: 7d, hour: 90d, day: forever }
      visits:
        rollup:
          of: sessions
          by: geo.country
          measures: { sessions: count }
          grains: { hour: 90d }
      checkout:
        funnel:
          steps: [view_product, add_to_cart, { event: purchase, where: properties.amount > 1 }]
          within: 24h
          by: geo.country
    """

  private static let records: [[(stamp: String, text: String)]] = [
    [
      ("2026-03-01T12:00:01Z", event("b1", "view_product", "bob", "12:00:00", #","geo":{"country":"DE"}"#)),
      ("2026-03-01T12:05:01Z", event("c1", "view_product", "cid", "12:05:00", "")),
      ("2026-03-01T12:10:01Z", event("b2", "add_to_cart", "bob", "12:10:00", #","geo":{"country":"DE"}"#)),
      ("2026-03-01T12:10:02Z", "not JSON"),
      ("2026-03-01T12:10:03Z", event("b1", "view_product", "bob", "12:00:00", #","geo":{"country":"DE"}"#)),
      (
        "2026-03-01T12:30:01Z",
        event("b3", "purchase", "bob", "12:30:00", #","geo":{"country":"DE"},"properties":{"amount":19.9}"#)
      ),
      ("2026-03-05T12:00:00Z", event("b4", "view_product", "bob", "12:00:00", "")),
    ],
    [
      ("2026-03-01T12:20:01Z", event("a1", "view_product", "ada", "12:20:00", #","geo":{"country":"FR"}"#)),
      ("2026-03-01T13:10:01Z", event("a2", "view_product", "ada", "13:10:00", #","geo":{"country":"FR"}"#)),
    ],
  ]

  /// - `stopping`: a partition whose state is damaged after a first run.
  /// - `starting`: false leaves the log unread.
  init(stopping: Int? = nil, starting: Bool = true) throws {
    directory = "\(NSTemporaryDirectory())/service-\(UUID().uuidString)"
    try TestNode.write("\(directory)/data/log")
    if let stopping {
      let first = try TestNode.start(directory)
      first.stop()
      let current = "\(directory)/data/topologies/web/gen-1/p-00\(stopping)/state/CURRENT"
      try Data("nonsense".utf8).write(to: URL(fileURLWithPath: current))
    }
    node = try TestNode.start(directory, reading: starting)
    made = API(node, version: "1.2.3")
  }

  /// Stops it and starts another one in its place, which has the directory from now on.
  func restarted() throws -> TestNode {
    node.stop()
    // What it owns is given back with it.
    made = nil
    node = nil
    isReplaced = true
    return try TestNode(in: directory)
  }

  private init(in directory: String) throws {
    self.directory = directory
    node = try TestNode.start(directory)
    made = API(node, version: "1.2.3")
  }

  private var isReplaced = false

  deinit {
    if isReplaced { return }
    node.stop()
    try? FileManager.default.removeItem(atPath: directory)
  }

  func get(
    _ path: String, _ query: [(name: String, value: String)] = [], headers: [String: String] = [:]
  ) -> Response {
    var request = Request("GET", path, query: query)
    request.headers = headers
    return api.respond(request)
  }

  func send(
    _ method: String, _ path: String, _ query: [(name: String, value: String)] = [], body: String = ""
  ) -> Response {
    api.respond(Request(method, path, query: query, body: Array(body.utf8)))
  }

  /// One more look at a product, of bob or of ada, as it arrives.
  func append(_ id: String, partition: Int) throws {
    let slice = LogSlice()
    let text = TestNode.event(id, "view_product", partition == 0 ? "bob" : "ada", "12:45:00", "")
    let stamp = node.embedded!.lastStamp(partition: partition)!
    Array(text.utf8).withUnsafeBytes { slice.append($0, stamp: stamp, offset: 0) }
    try node.embedded!.append(slice, partition: partition)
    try node.embedded!.sync()
  }

  /// The body, with what depends on the time of the test taken out.
  func text(_ path: String, _ query: [(name: String, value: String)] = []) -> String { timeless(get(path, query).body) }

  private static func event(_ id: String, _ type: String, _ user: String, _ time: String, _ more: String) -> String {
    #"{"event_id":"\#(id)","event_type":"\#(type)","user_id":"\#(user)","timestamp":"2026-03-01T\#(time)Z"\#(more)}"#
  }

  private static func log(_ directory: String) throws(Failure) -> SegmentLog {
    var options = SegmentLogOptions()
    options.reserveBytes = 0
    return try SegmentLog(directory: directory, topic: "events", partitions: 2, options: options)
  }

  private static func write(_ directory: String) throws {
    let log = try log(directory)
    for (partition, records) in records.enumerated() {
      let slice = LogSlice()
      for (index, record) in records.enumerated() {
        let stamp = Timestamp(record.stamp)!.milliseconds
        Array(record.text.utf8).withUnsafeBytes { slice.append($0, stamp: stamp, offset: Int64(index)) }
      }
      try log.append(slice, partition: partition)
    }
    try log.sync()
  }

  private static func start(_ directory: String, reading: Bool = true) throws -> Node {
    var options = Node.Options(memory: 128 << 20, threads: 2)
    // Committed at once: what is read can be seen, and being ready means being seen.
    options.task.policy = CommitPolicy(everyMilliseconds: 0, everyBytes: 1)
    let node = try Node(
      try DataDirectory("\(directory)/data", create: true), source: .embedded(try log("\(directory)/data/log")),
      topologyFiles: [(topology, try Topology.load(text: topology, file: "web.yaml"))], options: options
    ) { _ in }
    guard reading else { return node }
    node.start()
    while !isSettled(node) { usleep(1_000) }
    return node
  }

  /// Ready, and every partition seen at its end.
  private static func isSettled(_ node: Node) -> Bool {
    node.isReady && node.topologies.allSatisfy { $0.statuses.allSatisfy { $0.failure != nil || $0.caughtUpAt != nil } }
  }
}

/// Replaces what depends on the time of the test, or on sizes that nobody promised.
func timeless(_ text: String) -> String {
  var text = text
  for (pattern, fixed) in [
    (#""(complete_until|computed_at|provisional_from|created_at|live_since|caught_up_at)":"[^"]*""#, #""$1":"T""#),
    (#""freshness_seconds":[0-9]+"#, #""freshness_seconds":0"#),
    (#""(memory_bytes|state_bytes)":[0-9]+"#, #""$1":1"#),
    (#""digest":"[0-9a-f]{32}""#, #""digest":"D""#),
  ] {
    text = text.replacingOccurrences(of: pattern, with: fixed, options: .regularExpression)
  }
  return text
}
