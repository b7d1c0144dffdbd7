import CRdKafka
import Foundation
import Testing

/// Goal: `millrace doctor` sees what is wrong with a topic and with the state made from it. Method: librdkafka's mock cluster in
/// this process, the shipped program beside it. The mock tells neither settings nor append times, so those are trusted or missed.
@Suite struct DoctorKafkaTests {
  private let scratch = Scratch()
  private let cluster = Brokers()
  private var data: String { scratch.path("data") }

  private func lines(_ count: Int, seed: Int = 7) -> [Substring] {
    let file = Made.events(scratch, "\(seed)-\(count).ndjson", count: count, seed: seed)
    return (try! String(contentsOfFile: file, encoding: .utf8)).split(separator: "\n")
  }

  private func configuration(_ cluster: Brokers? = nil, _ more: String = "") -> String {
    scratch.write(
      "kafka.yaml",
      """
      data: \(data)
      log:
        kafka:
          brokers: \((cluster ?? self.cluster).brokers)
          properties: { fetch.wait.max.ms: 20, sasl.password: {env: THE_PASSWORD} }
      \(more)
      """)
  }

  private func topology(trusting: Bool) -> String {
    let text = try! String(contentsOf: Program.root.appending(path: Made.topology), encoding: .utf8)
    guard trusting else { return Made.topology }
    let trusted = text.replacingOccurrences(of: "horizon: 72h", with: "horizon: 72h\n  trust_producer_time: true")
    precondition(trusted != text)
    return scratch.write("trusting.yaml", trusted)
  }

  /// What is not fine, and how the program ended.
  private func findings(
    _ topology: String, _ cluster: Brokers? = nil, _ more: String = ""
  ) -> (code: Int32, found: [String: String]) {
    let result = Program.run(
      ["doctor", topology, "--config", configuration(cluster, more), "--json"],
      environment: ["THE_PASSWORD": "topsecret"])
    #expect(!result.output.contains("topsecret") && !result.errors.contains("topsecret"))
    var found: [String: String] = [:]
    for case let finding as [String: Any] in result.json["findings"] as? [Any] ?? [] {
      guard let severity = finding["severity"] as? String, severity != "ok" else { continue }
      found["\(severity) \(finding["check"] ?? "")"] = finding["message"] as? String
    }
    return (result.code, found)
  }

  /// What the mock cannot but be.
  private let theMocks: Set = ["skipped retention", "skipped clock", "warning replication"]

  @Test func aTopicThatIsWell() {
    cluster.fill("events", lines(2_000))
    let (code, found) = findings(topology(trusting: true))
    #expect(code == 0)
    #expect(Set(found.keys) == theMocks, "\(found)")
  }

  @Test func nothingIsMountedForCheckpoints() {
    cluster.fill("events", lines(100))
    let (code, found) = findings(topology(trusting: true), nil, "checkpoints: {path: \(scratch.path("mount"))}")
    #expect(code == 1)
    #expect(Set(found.keys) == theMocks.union(["problem checkpoints"]), "\(found)")
  }

  @Test func producersTimes() {
    cluster.fill("events", lines(100))
    let (code, found) = findings(topology(trusting: false))
    #expect(code == 1)
    #expect(Set(found.keys) == theMocks.union(["problem timestamps"]), "\(found)")
  }

  @Test func usersInPartitionsThatAreNotTheirs() {
    cluster.fill("events", lines(300)) { Int32($0 % 3) }
    let (code, found) = findings(topology(trusting: true))
    #expect(code == 1)
    #expect(found["problem placement"]?.contains("partitions 0-2") == true, "\(found)")
  }

  @Test func noSuchTopicAndNobodyThere() {
    rd_kafka_mock_topic_set_error(cluster.mock, "events", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
    let (code, found) = findings(topology(trusting: true))
    #expect(code == 1)
    #expect(found.keys.sorted() == ["problem topic"], "\(found)")
    rd_kafka_mock_broker_set_down(cluster.mock, -1)
    let gone = findings(topology(trusting: true))
    #expect(gone.code == 2)
    #expect(gone.found.keys.sorted() == ["problem brokers"], "\(gone.found)")
  }

  @Test func theStateAndTheTopicItWasMadeFrom() {
    let lines = lines(3_000)
    cluster.fill("events", lines)
    let topology = topology(trusting: true)
    let served = Served([topology, "--config", configuration()], environment: ["THE_PASSWORD": "topsecret"])
    served.waitUntilReady()
    #expect(served.end(SIGTERM) == 0, "\(served.errors)")
    let well = findings(topology)
    #expect(Set(well.found.keys) == theMocks, "\(well.found)")

    let shorter = Brokers()
    shorter.fill("events", Array(lines.prefix(30)))
    let cut = findings(topology, shorter)
    #expect(cut.code == 1 && cut.found.keys.contains("problem position"), "\(cut.found)")

    let other = Brokers()
    other.fill("events", self.lines(6_000, seed: 8))
    let exchanged = findings(topology, other)
    #expect(exchanged.code == 1 && exchanged.found.keys.contains("problem read_back"), "\(exchanged.found)")
  }
}
