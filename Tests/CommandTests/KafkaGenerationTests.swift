import Foundation
import Seeded
import Synchronization
import Testing

/// Goal: on a topic, generations are planned, built, compared, served, taken back and proven as on the embedded log, by commands
/// and by a server that is a member of a group, whatever kills it. Method: the shipped program on librdkafka's mock cluster; its
/// numbers are those of bounded runs over the file that the records are from. The mock stamps nothing, so the producer's time is
/// trusted.
@Suite(.serialized) struct KafkaGenerationTests {
  private let scratch = Scratch()
  private let brokers = Brokers()
  private let lines: [Substring]
  private let events: String
  private let configuration: String
  private let files: [Int: String]
  private static let partitions = 3
  private static let path = "/query?view=visits&metric=sessions&granularity=day&limit=100000"

  init() throws {
    events = Made.events(scratch, "events.ndjson", count: 30_000)
    lines = try String(contentsOfFile: events, encoding: .utf8).split(separator: "\n")
    brokers.create("events", partitions: Int32(Self.partitions))
    configuration = scratch.write(
      "kafka.yaml",
      """
      log:
        kafka:
          brokers: \(brokers.brokers)
          group: test
          properties: { fetch.wait.max.ms: 20, session.timeout.ms: 6000, heartbeat.interval.ms: 300 }
      """)
    // Other gaps: other sessions, so other numbers.
    var files: [Int: String] = [:]
    for (number, gap) in [(1, 30), (2, 20)] {
      files[number] = scratch.write(
        "gap-\(gap).yaml",
        """
        topology: web
        source: { topic: events, horizon: 20000d, trust_producer_time: true }
        sessions: { gap: \(gap)m }
        views:
          traffic:
            rollup: { of: events, by: event_type, measures: { events: count, users: distinct(user_id) }, grains: { hour: forever } }
          visits:
            rollup: { of: sessions, measures: { sessions: count, duration: sum(duration) }, grains: { hour: forever, day: forever } }
        """)
    }
    self.files = files
  }

  /// The sessions of each definition, as a bounded run of it over the file counts them.
  private func expected() -> [Int: [String: Int]] {
    var expected: [Int: [String: Int]] = [:]
    for (number, file) in files {
      let data = scratch.path("bounded-\(number)")
      #expect(Program.run("run", file, "--input", events, "--data", data).code == 0)
      expected[number] = sessions(data)
    }
    #expect(expected[1] != expected[2])
    return expected
  }

  private func sessions(_ data: String) -> [String: Int] {
    let answer = Program.run(
      "query", "visits", "--metric", "sessions", "--granularity", "day", "--limit", "100000", "--data", data, "--json")
    return Self.rows(answer.json)
  }

  private static func rows(_ answer: [String: Any]) -> [String: Int] {
    var rows: [String: Int] = [:]
    for row in answer["data"] as? [[String: Any]] ?? [] {
      rows[row["timestamp"] as? String ?? ""] = row["value"] as? Int
    }
    return rows
  }

  private func start(_ name: String, _ file: Int = 1) -> Served {
    Served([files[file]!, "--config", configuration, "--data", scratch.path(name)])
  }

  /// Returns when every partition is here and read.
  private func waitForAll(_ server: Served) {
    eventually("the server has read every partition: \(server.errors)") {
      let read = partitions(server).filter { $0["state"] as? String == "running" && $0["lag"] as? Int == 0 }
      return read.count == Self.partitions && read.reduce(0) { $0 + ($1["read"] as? Int ?? 0) } == lines.count
    }
  }

  /// An answer from then on, once none is missing a partition that somebody else had: of all records.
  private func expectAll(_ server: Served, _ expected: [String: Int]?) {
    eventually("an answer of all partitions: \(server.errors)") {
      let answer = server.get(Self.path).json
      guard answer["partial"] == nil else { return false }
      #expect(Self.rows(answer) == expected)
      return true
    }
  }

  @Test func queriesInAStormWhilePromotedAndRolledBack() throws {
    let expected = expected()
    brokers.append("events", lines)
    let server = start("a")
    waitForAll(server)
    let plan = Program.run("plan", files[2]!, "--server", server.url, "--json")
    #expect(plan.json["next"] as? Int == 2 && plan.json["events"] as? Int == lines.count, "\(plan.errors)")
    let deployed = Program.run("deploy", files[2]!, "--server", server.url)
    #expect(deployed.code == 0 && deployed.output.contains("is caught up"), "\(deployed.errors)")
    #expect(Program.run("diff", "web", "--server", server.url).code == 1, "sessions differ")

    let isOver = Mutex(false)
    let wrong = Mutex<[String]>([])
    let seen = Mutex<Set<Int>>([])
    let threads = DispatchGroup()
    let url = server.url + Self.path
    for _ in 0..<3 {
      DispatchQueue.global().async(group: threads) {
        while !isOver.withLock({ $0 }) {
          let answer = Served.ask("GET", url)
          let number = answer.json["generation"] as? Int ?? 0
          _ = seen.withLock { $0.insert(number) }
          if answer.status != 200 || answer.json["partial"] != nil || Self.rows(answer.json) != expected[number] {
            wrong.withLock { $0.append("\(answer.status) \(answer.body.prefix(300))") }
          }
        }
      }
    }
    for round in 0..<4 {
      let number = round % 2 == 0 ? 2 : 1
      let moved = Program.run(
        (number == 2 ? ["promote", "web", "2"] : ["rollback", "web"]) + ["--server", server.url])
      #expect(moved.code == 0, "\(moved.errors)")
      seen.withLock { $0 = [] }
      eventually("a query reads generation \(number)") { seen.withLock { $0.contains(number) } }
      // Who answers has become a member of its group under the storm, and the other one has left its own.
      let words = "generation \(number) of 'web' is a member of its group"
      let wanted = round / 2 + 1
      eventually("\(words), \(wanted) times: \(server.errors)") {
        server.errors.components(separatedBy: words).count - 1 >= wanted
      }
    }
    isOver.withLock { $0 = true }
    threads.wait()
    #expect(wrong.withLock { $0 } == [])
    #expect(Program.run("drop", "web", "2", "--server", server.url, "--json").json["dropped"] as? Int == 2)
    #expect(server.end(SIGTERM) == 0, "\(server.errors)")
    let verified = Program.run("verify", "web", "--config", configuration, "--data", scratch.path("a"))
    #expect(verified.code == 0, "\(verified.output) \(verified.errors)")
  }

  /// Killed while it builds, and around the moment it serves what was built; records arrive meanwhile.
  @Test func killedWhileItBuildsAndPromotes() throws {
    let expected = expected()
    brokers.append("events", lines[..<20_000])
    var random = SeededRandom(seed: 5)
    for round in 0..<6 {
      let server = start("a")
      if round == 0 {
        let begun = Served.ask(
          "POST", server.url + "/topologies/web/generations?promote_when_caught_up=true&max_share=10",
          body: try Data(contentsOf: URL(fileURLWithPath: files[2]!)))
        // The group has not given it everything yet.
        #expect(begun.status == 409, "\(begun.body)")
        eventually("it has every partition and builds") {
          Served.ask(
            "POST", server.url + "/topologies/web/generations?promote_when_caught_up=true&max_share=10",
            body: try! Data(contentsOf: URL(fileURLWithPath: files[2]!))
          ).status == 202
        }
      }
      brokers.append("events", lines[20_000 + round * 1_000..<21_000 + round * 1_000])
      usleep(UInt32(random.below(900)) * 1_000)
      #expect(server.end(SIGKILL) == -SIGKILL)
    }
    brokers.append("events", lines[26_000...])
    let server = start("a", 2)
    eventually("what was asked for is served: \(server.errors)") {
      server.get(Self.path).json["generation"] as? Int == 2
    }
    waitForAll(server)
    expectAll(server, expected[2])
    eventually("it may go back") { Program.run("rollback", "web", "--server", server.url).code == 0 }
    waitForAll(server)
    expectAll(server, expected[1])
    #expect(server.end(SIGTERM) == 0, "\(server.errors)")
    let status = Program.run("status", "--data", scratch.path("a"), "--json").json
    let generations = (status["topologies"] as? [[String: Any]])?.first?["generations"] as? [[String: Any]] ?? []
    #expect(generations.map { $0["generation"] as? Int } == [1, 2], "no generation was begun twice")
  }

  @Test func whoHasNotEverythingSaysWhoHas() throws {
    let expected = expected()
    brokers.append("events", lines)
    let (one, other) = (start("a"), start("b"))
    let deploy = ["deploy", files[2]!, "--server", one.url]
    var refused = Program.run(deploy)
    eventually("both have partitions, and it says so: \(refused.errors)") {
      refused = Program.run(deploy)
      return refused.errors.contains("; instance \(other.url.dropFirst("http://".count)) has ")
    }
    #expect(refused.code == 1 && refused.errors.contains("Stop the others"), "\(refused.errors)")
    #expect(Served.ask("POST", one.url + "/topologies/web/rollback").status == 409)
    #expect(other.end(SIGTERM) == 0, "\(other.errors)")
    waitForAll(one)
    let deployed = Program.run(deploy + ["--promote-when-caught-up"])
    #expect(deployed.code == 0, "\(deployed.errors)")

    // Another instance of the new meaning shares the new group with it, and no answer is less than the one before.
    let third = start("c", 2)
    eventually("both answer for all: \(third.errors)") {
      let answers = [one, third].map { $0.get(Self.path) }
      let whole = answers.filter { $0.status == 200 && $0.json["partial"] == nil }
      for answer in whole { #expect(Self.rows(answer.json) == expected[2], "\(answer.body.prefix(300))") }
      let shared = third.get("/topologies").body.components(separatedBy: "\"state\":\"running\"").count - 1
      return (1..<Self.partitions).contains(shared) && whole.count == 2
    }
  }

  /// Without a server, beside one that is a member of the group.
  @Test func commandsReadTheTopicBesideItsServers() throws {
    let expected = expected()
    brokers.append("events", lines[..<25_000])
    let server = start("a")
    let data = scratch.path("b")
    func run(_ arguments: String...) -> Program.Result {
      Program.run(arguments + ["--config", configuration, "--data", data])
    }
    func expectVerified() {
      let verified = run("verify", "web", "--json")
      #expect(verified.code == 0, "\(verified.output) \(verified.errors)")
    }
    #expect(run("deploy", files[1]!, "--json").json["generation"] as? Int == 1)
    #expect(run("plan", files[2]!, "--json").json["events"] as? Int == 25_000)
    #expect(run("deploy", files[2]!, "--json").json["state"] as? String == "caught_up")
    #expect(run("checkpoint", "create", "web").code == 0)
    brokers.append("events", lines[25_000...])
    // The live one reads on, then the other one up to there.
    #expect(run("run", files[1]!).code == 0)
    let behind = run("promote", "web")
    #expect(behind.code == 1 && behind.errors.contains("not caught up"), "\(behind.errors)")
    #expect(run("diff", "web").code == 1)
    #expect(sessions(data) == expected[1])
    #expect(run("promote", "web").code == 0)
    #expect(sessions(data) == expected[2])
    expectVerified()
    #expect(run("rollback", "web").code == 0)
    #expect(sessions(data) == expected[1])

    let replayed = run("replay", "web", "--from", "checkpoint", "--promote-when-caught-up", "--json")
    #expect(replayed.json["read_this_run"] as? Int == 5_000, "\(replayed.errors)")
    #expect(run("checkpoint", "create", "web").code == 0)
    #expect(run("checkpoint", "restore", "web").code == 0)
    expectVerified()
    #expect(run("diff", "web", "1", "3").code == 0)

    let later = run("deploy", files[2]!, "--from", "4000", "--json")
    #expect(later.json["read_this_run"] as? Int == lines.count - 12_000, "\(later.errors)")
    let shorter = run("promote", "web")
    #expect(shorter.code == 1 && shorter.errors.contains("--accept-shorter-history"), "\(shorter.errors)")
    #expect(run("promote", "web", "--accept-shorter-history").code == 0)
    expectVerified()
    waitForAll(server)
    #expect(Self.rows(server.get(Self.path).json) == expected[1])
  }

  /// A server copies its states by itself, and begins a replay with them.
  @Test func aServerBeginsWithItsOwnCheckpoint() throws {
    brokers.append("events", lines[..<25_000])
    scratch.write(
      "kafka.yaml",
      try String(contentsOfFile: configuration, encoding: .utf8)
        + "\ngenerations: { checkpoints: 2, checkpoint_every: 1s }\n")
    let server = start("a")
    eventually("there is a checkpoint of everything: \(server.errors)") {
      let plan = Program.run("plan", files[1]!, "--server", server.url, "--json")
      let checkpoint = plan.json["checkpoint"] as? [String: Any]
      return (checkpoint?["offsets"] as? [Int])?.reduce(0, +) == 25_000
    }
    brokers.append("events", lines[25_000...])
    waitForAll(server)
    let begun = Served.ask("POST", server.url + "/topologies/web/replays?from=checkpoint&promote_when_caught_up=true")
    #expect(begun.status == 202, "\(begun.body)")
    eventually("it is served: \(server.errors)") { server.get(Self.path).json["generation"] as? Int == 2 }
    #expect(Self.rows(server.get(Self.path).json) == expected()[1])
    #expect(server.end(SIGTERM) == 0, "\(server.errors)")
    let data = scratch.path("a")
    let status = Program.run("status", "--data", data, "--json").json
    let generations = (status["topologies"] as? [[String: Any]])?.first?["generations"] as? [[String: Any]] ?? []
    #expect(generations.last?["begun_from"] is [String: Any], "\(generations)")
    #expect(Program.run("verify", "web", "--config", configuration, "--data", data).code == 0)
  }

  /// Whoever is served writes, and first what was not written while it was not.
  @Test(arguments: ["at_least_once", "exactly_once"])
  func outputsAreOfWhatIsServed(guarantee: String) throws {
    brokers.create("out", partitions: 2)
    let sinking = try [1, 2].map { number in
      let text = try String(contentsOfFile: files[number]!, encoding: .utf8)
      return scratch.write("sinking-\(number).yaml", "guarantee: \(guarantee)\n\(text)\n    sink: { topic: out }\n")
    }
    let server = Served([sinking[0], "--config", configuration, "--data", scratch.path("a")])
    func append(_ count: Int, _ done: inout Int) {
      brokers.append("events", lines[done..<done + count])
      done += count
    }
    var done = 0
    append(10_000, &done)
    eventually("it has every partition: \(server.errors)") {
      Program.run("deploy", sinking[1], "--server", server.url).code == 0
    }
    for (verb, number) in [("promote", 2), ("rollback", 1), ("promote", 2)] {
      append(5_000, &done)
      eventually("\(verb): \(server.errors)") {
        Program.run([verb, "web"] + (verb == "promote" ? ["2"] : []) + ["--server", server.url]).code == 0
      }
      let word = "generation \(number) of 'web' is a member"
      let times = verb == "promote" && done > 20_000 ? 2 : 1
      eventually("\(word): \(server.errors)") { server.errors.components(separatedBy: word).count > times }
    }
    append(lines.count - done, &done)
    waitForAll(server)
    eventually("all is written: \(server.errors)") {
      let outputs = partitions(server).map { $0["outputs"] as? [String: Any] }
      return outputs.allSatisfy { $0?["waiting_since"] is NSNull }
    }
    let topology = (server.get("/topologies").json["topologies"] as? [[String: Any]])?.first
    let digest = topology?["digest"] as? String ?? ""
    #expect(server.end(SIGTERM) == 0, "\(server.errors)")

    var last: [String: String] = [:]
    for record in brokers.written("out", partitions: 2) { last[record.key] = record.value }
    var written: [String: Int] = [:]
    for (key, value) in last {
      let (key, value) = (Self.object(key), Self.object(value))
      guard key["digest"] as? String == digest, key["grain"] as? String == "hour" else { continue }
      written[key["bucket"] as? String ?? "", default: 0] += value["sessions"] as? Int ?? 0
    }
    var held: [String: Int] = [:]
    for row in export("visits", grain: "hour", data: scratch.path("a")) {
      held[row["bucket"] ?? ""] = Int(row["sessions"] ?? "")
    }
    #expect(held.count > 50)
    #expect(written == held)
  }

  private static func object(_ text: String) -> [String: Any] {
    (try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]) ?? [:]
  }

  private func partitions(_ server: Served) -> [[String: Any]] {
    let topologies = server.get("/topologies").json["topologies"] as? [[String: Any]] ?? []
    return topologies.first?["partitions"] as? [[String: Any]] ?? []
  }
}
