import Foundation
import Testing

/// Goal: instances of a group that ask for keys answer for each other all the same, and nobody else gets their parts. Method: two
/// shipped servers in one group on librdkafka's mock cluster, with one file of keys and one secret between them; events come in
/// through one of them.
@Suite struct PeerKeyTests {
  private let scratch = Scratch()
  private let brokers = Brokers()

  /// The events that an instance answers with, when nothing is missing from the answer.
  private func counted(_ server: Served, _ key: String) -> Int? {
    let asked = Program.run(
      ["query", "traffic", "--metric", "events", "--granularity", "day", "--server", server.url, "--json"],
      environment: ["MILLRACE_KEY": key])
    guard asked.code == 0, asked.json["partial"] == nil else { return nil }
    return (asked.json["data"] as? [[String: Any]] ?? []).reduce(0) { $0 + ($1["value"] as? Int ?? 0) }
  }

  @Test func instancesShowEachOtherTheirSecret() throws {
    brokers.create("events", partitions: 4)
    let text = try String(contentsOf: Program.root.appending(path: Made.topology), encoding: .utf8)
    let topology = scratch.write(
      "web.yaml", text.replacingOccurrences(of: "horizon: 72h", with: "horizon: 72h\n  trust_producer_time: true"))
    try #require(scratch.text("web.yaml") != text)
    let configuration = scratch.write(
      "kafka.yaml",
      """
      keys: \(scratch.path("keys.json"))
      peer_key: { file: \(scratch.write("secret", "between us\n")) }
      log:
        kafka:
          brokers: \(brokers.brokers)
          properties: { fetch.wait.max.ms: 20, session.timeout.ms: 6000, heartbeat.interval.ms: 300 }
      """)
    let key = try #require(
      Program.run("keys", "create", "--role", "admin", "--config", configuration, "--json").json["key"] as? String)
    func serve(_ name: String, _ environment: [String: String] = [:]) -> Served {
      Served([topology, "--config", configuration, "--data", scratch.path(name)], environment: environment)
    }
    let first = serve("a")
    let stranger = serve("b", ["MILLRACE_PEER_KEY": "another secret"])
    eventually("what a stranger has is named as missing") {
      let asked = Program.run(
        ["query", "traffic", "--metric", "events", "--granularity", "day", "--server", first.url, "--json"],
        environment: ["MILLRACE_KEY": key])
      return asked.output.contains("partial") && asked.output.contains("API key")
    }
    #expect(stranger.end(SIGTERM) == 0)
    let servers = [first, serve("b")]
    let sent = Program.run(
      ["generate", "--events", "2000", "--duplicates", "0", "--http", servers[0].url, "--json"],
      environment: ["MILLRACE_KEY": key])
    #expect(sent.json["acknowledged"] as? Int == 2_000, "\(sent.errors)")
    for server in servers {
      eventually("it answers for both") { counted(server, key) == 2_000 }
    }
    // Neither had all: each has asked the other one.
    let here = servers.map { server in
      let topologies = Program.run(["status", "--server", server.url, "--json"], environment: ["MILLRACE_KEY": key])
      return topologies.output.components(separatedBy: #""state":"running""#).count - 1
    }
    #expect(here.reduce(0, +) == 4 && !here.contains(0) && !here.contains(4), "\(here)")
    #expect(servers[0].get("/peers/d/query").status == 401)
    #expect(Program.run("status", "--server", servers[0].url).code != 0)
    for server in servers { #expect(server.end(SIGTERM) == 0) }
  }
}
