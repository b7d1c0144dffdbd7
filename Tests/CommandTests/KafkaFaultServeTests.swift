import CRdKafka
import Foundation
import Seeded
import Testing

/// Goal: every fault of the brokers ends in progress after it or in a message that names the partition, the cause and the
/// remedy; never in a wrong number, a hang or a crash. Method: shipped servers on librdkafka's mock cluster, which is told to
/// fail while events arrive; the judge is the same events as a file. `scripts/faults` runs many seeds.
@Suite(.serialized) struct KafkaFaultServeTests {
  private static let partitions: Int32 = 6
  private static let environment = ProcessInfo.processInfo.environment

  private let scratch = Scratch()
  private let brokers = Brokers(count: 3)

  private func configuration(_ brokers: Brokers? = nil, name: String = "kafka.yaml") -> String {
    scratch.write(
      name,
      """
      log:
        kafka:
          brokers: \((brokers ?? self.brokers).brokers)
          group: test
          properties:
            fetch.wait.max.ms: 20
            session.timeout.ms: 3000
            heartbeat.interval.ms: 200
            reconnect.backoff.max.ms: 200
            topic.metadata.refresh.interval.ms: 500
            topic.metadata.propagation.max.ms: 500
      """)
  }

  private var topology: String {
    scratch.write(
      "made.yaml",
      """
      topology: made
      source: { topic: events, horizon: 20000d, trust_producer_time: true }
      views:
        traffic:
          rollup: { of: events, by: [event_type, geo.country], measures: { events: count, users: distinct(user_id) }, grains: { hour: forever } }
        visits:
          rollup: { of: sessions, measures: { sessions: count, duration: sum(duration) }, grains: { hour: forever } }
      """)
  }

  private func lines(_ count: Int, seed: Int = 7, bytes: Int = 400) throws -> [Substring] {
    let file = Made.events(scratch, "\(seed).ndjson", count: count, seed: seed, bytes: bytes)
    return try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
  }

  private func serve(_ name: String, _ configuration: String? = nil) -> Served {
    Served([topology, "--config", configuration ?? self.configuration(), "--data", scratch.path(name)])
  }

  private func partitions(_ server: Served) -> [[String: Any]] {
    let topologies = server.get("/topologies").json["topologies"] as? [[String: Any]] ?? []
    return topologies.first?["partitions"] as? [[String: Any]] ?? []
  }

  private func here(_ servers: [Served]) -> [[String: Any]] {
    servers.flatMap(partitions).filter { $0["state"] as? String == "running" }
  }

  private func read(_ servers: [Served]) -> Int { here(servers).reduce(0) { $0 + ($1["read"] as? Int ?? 0) } }

  /// Waits until each partition has one owner who has read it all.
  private func settle(_ servers: [Served], _ what: String) -> Bool {
    let isSettled = eventually("each partition has an owner who has read it all: \(what)") {
      let all = here(servers)
      return all.count == Self.partitions && all.allSatisfy { $0["lag"] as? Int == 0 }
    }
    if !isSettled { Issue.record("\(servers.map { "\(partitions($0)) \($0.errors.suffix(2_000))" })") }
    return isSettled
  }

  /// Whatever is wrong with the brokers, the server says how it is, and at once.
  private func expectAnswers(_ servers: [Served], _ what: String) {
    for server in servers {
      for path in ["/healthz", "/query?view=traffic&metric=events&granularity=hour", "/topologies", "/metrics"] {
        let start = Date()
        let answer = server.get(path)
        #expect(answer.status == 200, "\(what): \(path): \(answer.body.prefix(300)) \(server.errors.suffix(500))")
        #expect(Date().timeIntervalSince(start) < 5, "\(what): \(path)")
      }
    }
  }

  private func expectEnd(_ server: Served, _ what: String) {
    let start = Date()
    #expect(server.end(SIGTERM) == 0, "\(what): \(server.errors.suffix(1_000))")
    #expect(Date().timeIntervalSince(start) < 20, "\(what): \(Date().timeIntervalSince(start)) s until the end")
  }

  /// What one data directory holds, against the same lines as a file.
  private func expectNumbers(_ name: String, of lines: some Sequence<Substring>, _ what: String) {
    let file = scratch.write("\(name)-expected.ndjson", lines.joined(separator: "\n") + "\n")
    let expected = scratch.path("\(name)-files")
    #expect(Program.run("run", topology, "--input", file, "--data", expected).code == 0)
    for view in ["traffic", "visits"] {
      let isEqual = export(view, grain: "hour", data: scratch.path(name)) == export(view, grain: "hour", data: expected)
      #expect(isEqual, "\(what): \(view) is not that of the file")
    }
  }

  private static var seeds: [UInt64] {
    if let seed = environment["MILLRACE_FAULT_SEED"].flatMap(UInt64.init) { return [seed] }
    return Array(1...(environment["MILLRACE_FAULT_SEEDS"].flatMap(UInt64.init) ?? 1))
  }

  /// Two servers, all faults in an order of the seed's, and a server killed or ended in the middle of some.
  @Test(arguments: seeds) func whateverPassesIsGoneOnFrom(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let lines = try lines(20_000, seed: Int(seed))
    brokers.create("events", partitions: Self.partitions)
    var servers = [serve("a"), serve("b")]
    let digest = (servers[0].get("/topologies").json["topologies"] as? [[String: Any]])?.first?["digest"] as? String
    let group = "test.made.\(try #require(digest))"
    var faults = KafkaFault.allCases
    for index in faults.indices { faults.swapAt(index, index + random.below(faults.count - index)) }
    let others = faults.indices.filter { !faults[$0].concernsCoordinator }
    let killed = others[random.below(others.count)]
    let ended = others.filter { $0 != killed }[random.below(others.count - 1)]
    for (number, fault) in faults.enumerated() {
      let what = "seed \(seed), \(number): \(fault)"
      if fault.concernsCoordinator {
        guard settle(servers, "before \(what)") else { return }
        // Partitions are read while a group comes to rest.
        usleep(1_500_000)
        guard settle(servers, "before \(what)") else { return }
      }
      fault.begin(
        brokers.mock, topic: "events", partitions: Self.partitions, group: group, draw: random.below(1_000))
      brokers.submit("events", lines[lines.count * number / faults.count..<lines.count * (number + 1) / faults.count])
      let victim = random.below(2)
      if number == killed { #expect(servers[victim].end(SIGKILL) == -SIGKILL) }
      if number == ended { expectEnd(servers[victim], what) }
      usleep(UInt32(200_000 + random.below(500_000)))
      expectAnswers(servers.filter(\.process.isRunning), what)
      fault.end(brokers.mock)
      #expect(brokers.flush(), "\(what): the producer is still waiting")
      if number == killed || number == ended { servers[victim] = serve(["a", "b"][victim]) }
      // Often the next fault comes before this one is got over.
      if random.below(5) == 0 {
        guard settle(servers, what) else { return }
      }
    }
    guard settle(servers, "seed \(seed), in the end") else { return }
    expectEnd(servers[1], "seed \(seed), the second server")
    guard settle([servers[0]], "seed \(seed), alone") else { return }
    expectEnd(servers[0], "seed \(seed), the first server")
    expectNumbers("a", of: lines, "seed \(seed)")
  }

  @Test func brokersAreAwayAtTheEndAndAtTheStart() throws {
    let lines = try lines(4_000)
    brokers.create("events", partitions: Self.partitions)
    brokers.append("events", lines[..<2_000])
    let server = serve("a")
    guard settle([server], "before") else { return }
    rd_kafka_mock_broker_set_down(brokers.mock, -1)
    eventually("the server says that nobody is there") {
      server.get("/metrics").body.contains("millrace_kafka_away{topology=\"made\"} 1")
    }
    expectAnswers([server], "all brokers down")
    expectEnd(server, "all brokers down")
    let refused = Program.run(
      ["serve", topology, "--config", configuration(), "--data", scratch.path("a"), "--listen", "127.0.0.1:0"])
    #expect(refused.code == 2 && refused.errors.contains("does not say where topic events is"), "\(refused.errors)")
    rd_kafka_mock_broker_set_up(brokers.mock, -1)
    brokers.append("events", lines[2_000...])
    let again = serve("a")
    guard settle([again], "after") else { return }
    expectEnd(again, "after")
    expectNumbers("a", of: lines, "after all brokers were down")
  }

  /// The four places where an operator looks.
  private func expectStopped(_ server: Served, _ stopped: [Int], _ words: [String]) {
    eventually("\(stopped) stop: \(words)") {
      partitions(server).filter { $0["state"] as? String == "stopped" }.compactMap { $0["partition"] as? Int }
        == stopped
    }
    var partial: [[String: Any]] = []
    // What was just given to the server may still be told to be its former run's.
    eventually("an answer names \(stopped) and nothing else") {
      let query = server.get("/query?view=traffic&metric=events&granularity=hour")
      partial = query.json["partial"] as? [[String: Any]] ?? []
      return query.status == 200 && partial.compactMap { $0["partition"] as? Int } == stopped
    }
    let metrics = server.get("/metrics").body
    for partition in stopped {
      #expect(metrics.contains("millrace_partition_up{topology=\"made\",partition=\"\(partition)\"} 0"))
      let told = [
        partitions(server)[partition]["message"] as? String ?? "",
        partial.first { $0["partition"] as? Int == partition }?["message"] as? String ?? "",
        server.errors.split(separator: "\n").last { $0.contains("partition \(partition) stopped") }.map(String.init)
          ?? "",
      ]
      for text in told { for word in words { #expect(text.contains(word), "'\(word)' is not in '\(text)'") } }
    }
  }

  @Test func retentionThatPassedIsTold() throws {
    let lines = try lines(2_000)
    brokers.create("events", partitions: Self.partitions)
    brokers.append("events", lines)
    let server = serve("a")
    guard settle([server], "before") else { return }
    expectEnd(server, "before")
    // Other users' lines that are in the wrong partition serve as well to fill it up: the mock keeps 5 MiB.
    let large = String(repeating: "x", count: 60_000)
    let filler = (0..<400).map { number in
      let noise = (0..<8).map { "\(UInt64(number * 8 + $0) &* 0x9e37_79b9_7f4a_7c15)" }.joined()
      return Substring("{\"user_id\":\"u\(number)\",\"noise\":\"\(noise)\(large)\"}")
    }
    let uncompressed = Brokers.producer(brokers.brokers, compression: "none")
    brokers.append("events", filler, partition: { _ in 2 }, by: uncompressed)
    rd_kafka_destroy(uncompressed)
    let again = serve("a")
    expectStopped(again, [2], ["partition 2", "retention has removed the records from offset", "checkpoint"])
    #expect(here([again]).count == Int(Self.partitions) - 1)
    expectEnd(again, "with a partition that is stopped")
  }

  @Test func damageStopsOnePartition() throws {
    let lines = try lines(3_000)
    brokers.create("events", partitions: Self.partitions)
    // Left alone, the mock may put all under one broker, and an answer of that broker concerns all it leads.
    for partition in 0..<Self.partitions {
      rd_kafka_mock_partition_set_leader(brokers.mock, "events", partition, partition % 3 + 1)
    }
    brokers.append("events", lines[..<2_000])
    let server = serve("a")
    guard settle([server], "before") else { return }
    var errors = [RD_KAFKA_RESP_ERR_INVALID_MSG]
    rd_kafka_mock_push_request_errors_array(brokers.mock, 1, errors.count, &errors)
    var stopped: [Int] = []
    eventually("a partition stops") {
      stopped = partitions(server).filter { $0["state"] as? String == "stopped" }.compactMap { $0["partition"] as? Int }
      // Two: what one broker leads.
      return stopped.count == 2
    }
    expectStopped(server, stopped, ["cannot be read at offset", "restore the partition"])
    brokers.append("events", lines[2_000...])
    let others = lines.count { line in
      let user = Array(Brokers.user(line).utf8)
      return !stopped.contains(Int(kafka_partition(user, user.count, Self.partitions)))
    }
    eventually("the others go on: \(others) records") { read([server]) == others }
    expectEnd(server, "with damage")
    // What was stopped by a message goes on after a start, when its cause is gone.
    let again = serve("a")
    guard settle([again], "after the damage") else { return }
    expectEnd(again, "after the damage")
    expectNumbers("a", of: lines, "after damage")
  }

  @Test func aTopicThatIsGoneOrAnotherOneIsTold() throws {
    let lines = try lines(2_000)
    brokers.create("events", partitions: Self.partitions)
    brokers.append("events", lines)
    let server = serve("a")
    guard settle([server], "before") else { return }
    rd_kafka_mock_topic_set_error(brokers.mock, "events", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
    expectStopped(server, Array(0..<Int(Self.partitions)), ["topic events", "bring"])
    expectEnd(server, "with its topic gone")

    let other = Brokers(count: 1)
    other.create("events", partitions: Self.partitions)
    other.append("events", try self.lines(4_000, seed: 8))
    let exchanged = serve("a", configuration(other, name: "other.yaml"))
    expectStopped(
      exchanged, Array(0..<Int(Self.partitions)), ["the topic was created anew", "start the state again"])
    expectEnd(exchanged, "with another topic")

    let wider = Brokers(count: 1)
    wider.create("events", partitions: Self.partitions + 1)
    let refused = Program.run(
      [
        "serve", topology, "--config", configuration(wider, name: "wider.yaml"), "--data", scratch.path("a"),
        "--listen",
        "127.0.0.1:0",
      ])
    #expect(refused.code == 1 && refused.errors.contains("6 partitions and the log has 7"), "\(refused.errors)")
  }
}
