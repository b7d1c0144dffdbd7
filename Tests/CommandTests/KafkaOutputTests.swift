import CRdKafka
import Foundation
import Seeded
import Testing

/// Goal: the last value of every key in the topics of outputs is what the state holds, whatever happened on the way.
/// Method: the shipped server follows a topic of librdkafka's mock cluster, killed at seeded moments while events arrive; in the
/// end its topics, the last value per key added up over partitions, are held against what `millrace export` says of its state.
@Suite(.serialized) struct KafkaOutputTests {
  private let scratch = Scratch()
  private let brokers = Brokers()
  private static let partitions: Int32 = 4
  private static let sinkPartitions: Int32 = 3

  private var configuration: String {
    scratch.write(
      "kafka.yaml",
      """
      log:
        kafka:
          brokers: \(brokers.brokers)
          group: test
          properties: { fetch.wait.max.ms: 20, session.timeout.ms: 6000, heartbeat.interval.ms: 300 }
      """)
  }

  private func topology(sinks: Bool = true, guarantee: String = "at_least_once") -> String {
    func sink(_ name: String) -> String { sinks ? "sink: { topic: \(name) }" : "" }
    return scratch.write(
      "made.yaml",
      """
      topology: made
      source: { topic: events, horizon: 20000d, trust_producer_time: true }
      \(sinks ? "sessions: { sink: { topic: out.sessions } }" : "")
      \(sinks ? "dead_letters: { topic: out.dead }" : "")
      guarantee: \(guarantee)
      views:
        traffic:
          rollup:
            of: events
            by: [event_type]
            measures:
              events: count
              users: distinct(user_id)
              amount: sum(properties.amount, scale=2)
              mean: avg(properties.amount)
              most: max(properties.amount)
            grains: { hour: forever, day: forever }
          \(sink("out.traffic"))
        visits:
          rollup:
            of: sessions
            by: device.type
            measures: { sessions: count, duration: sum(duration), users: distinct(user_id) }
            grains: { hour: forever, day: forever }
          \(sink("out.visits"))
        checkout:
          funnel: { steps: [view_product, add_to_cart, purchase], within: 24h }
          \(sink("out.checkout"))
      """)
  }

  private func create() {
    brokers.create("events", partitions: KafkaOutputTests.partitions)
    for name in ["traffic", "visits", "checkout", "sessions", "dead"] {
      brokers.create("out.\(name)", partitions: KafkaOutputTests.sinkPartitions)
    }
  }

  private func start(_ topology: String, _ data: String = "a") -> Served {
    Served([topology, "--config", configuration, "--data", scratch.path(data)])
  }

  private func partitions(_ server: Served) -> [[String: Any]] {
    let topologies = server.get("/topologies").json["topologies"] as? [[String: Any]] ?? []
    return topologies.first?["partitions"] as? [[String: Any]] ?? []
  }

  /// Returns when everything is read, committed, and taken by the topics.
  private func settle(_ server: Served, _ count: Int = 0) {
    eventually("all is read and written: \(server.errors)") {
      let all = partitions(server)
      return all.count == Int(KafkaOutputTests.partitions)
        && all.reduce(0) { $0 + ($1["offset"] as? Int ?? 0) } >= count
        && all.allSatisfy { partition in
          guard partition["state"] as? String == "running", partition["lag"] as? Int == 0 else { return false }
          guard let outputs = partition["outputs"] as? [String: Any] else { return true }
          return outputs["waiting_since"] is NSNull
        }
    }
  }

  /// The last value of each key that is not a tombstone.
  private func standing(_ topic: String) -> [String: [String: Any]] {
    var last: [String: String?] = [:]
    for record in brokers.written(topic, partitions: KafkaOutputTests.sinkPartitions) {
      last[record.key] = .some(record.value)
    }
    return last.compactMapValues { $0 }.mapValues { object($0) }
  }

  private func object(_ text: String) -> [String: Any] {
    let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    #expect(object != nil, "not a JSON object: \(text)")
    return object ?? [:]
  }

  /// Cells of a view and grain, added up over partitions, as an export writes them.
  private func rows(
    _ topic: String, _ grain: String, _ dimension: String, _ measures: [String]
  ) -> Set<[String: String]> {
    var sums: [String: (row: [String: String], numbers: [String: Decimal])] = [:]
    for (text, value) in standing(topic) {
      let key = object(text)
      guard key["grain"] as? String == grain else { continue }
      let name = (key["dimensions"] as? [String: Any])?[dimension] as? String ?? ""
      let bucket = key["bucket"] as? String ?? ""
      var sum = sums["\(bucket) \(name)"] ?? (["bucket": bucket, dimension: name], [:])
      // A number's own text: on the way through Double pennies would be lost.
      for measure in measures {
        sum.numbers[measure, default: 0] += Decimal(string: (value[measure] as? NSNumber)?.stringValue ?? "0")!
      }
      sums["\(bucket) \(name)"] = sum
    }
    return Set(sums.values.map { $0.row.merging($0.numbers.mapValues { "\($0)" }) { $1 } })
  }

  private func exported(_ view: String, _ grain: String, _ dimension: String, _ measures: [String], _ data: String)
    -> Set<[String: String]>
  {
    Set(
      export(view, grain: grain, data: scratch.path(data)).map { row in
        var kept = ["bucket": row["bucket"]!, dimension: row[dimension] == "<null>" ? "" : row[dimension]!]
        for measure in measures { kept[measure] = "\(Decimal(string: row[measure]!)!)" }
        return kept
      })
  }

  /// Names what differs, without printing all.
  private func expectEqual(_ written: Set<[String: String]>, _ held: Set<[String: String]>, _ what: String) {
    let extra = written.subtracting(held)
    let missing = held.subtracting(written)
    #expect(
      extra.isEmpty && missing.isEmpty,
      "\(what): \(extra.count) rows are not in the state, as \(extra.prefix(2)); \(missing.count) are missing, as \(missing.prefix(2))"
    )
  }

  /// Everything in the topics is everything in the state.
  private func compare(_ data: String = "a", rejected least: Int = 50) {
    for grain in ["hour", "day"] {
      let traffic = ["events", "users", "amount"]
      let expected = exported("traffic", grain, "event_type", traffic, data)
      #expect(expected.count > 20)
      expectEqual(rows("out.traffic", grain, "event_type", traffic), expected, "traffic by \(grain)")
      let visits = ["sessions", "duration", "users"]
      expectEqual(
        rows("out.visits", grain, "device.type", visits), exported("visits", grain, "device.type", visits, data),
        "visits by \(grain)")
    }
    let sessions = standing("out.sessions").values
    let total = exported("visits", "day", "device.type", ["sessions", "duration"], data)
    #expect(sessions.count == total.reduce(0) { $0 + Int($1["sessions"]!)! })
    #expect(
      sessions.reduce(0) { $0 + ($1["duration"] as? Int ?? 0) } == total.reduce(0) { $0 + Int($1["duration"]!)! })
    let events = exported("traffic", "day", "event_type", ["events"], data).reduce(0) { $0 + Int($1["events"]!)! }
    #expect(sessions.reduce(0) { $0 + ($1["events"] as? Int ?? 0) } == events)

    // A user is in one partition, so users of an hour add up; the best level of one range is not the sum of its hours'.
    let funnel = Program.run("funnel", "checkout", "--data", scratch.path(data), "--json").json
    let entered = (funnel["steps"] as? [[String: Any]])?.first?["users_entered"] as? Int ?? -1
    let hours = standing("out.checkout").values.map { ($0["users"] as? [Int])?[0] ?? 0 }
    #expect(hours.reduce(0, +) >= entered && hours.allSatisfy { $0 <= entered })

    let letters = brokers.written("out.dead", partitions: KafkaOutputTests.sinkPartitions)
    let ledger = Program.run("status", "--data", scratch.path(data), "--json").json
    let partitions = (ledger["topologies"] as? [[String: Any]])?.first?["partitions"] as? [[String: Any]] ?? []
    let rejected = partitions.reduce(0) { $0 + ($1["late"] as! Int) + ($1["quarantined"] as! Int) }
    #expect(rejected >= least)
    if least > 0 { #expect(Set(letters.map(\.key)).count == rejected) }
    #expect(letters.allSatisfy { $0.value != nil && $0.headers["millrace-reason"] != nil })
  }

  /// The mock only plays transactions, so with them this is about what is written and how it is gone on with.
  @Test(arguments: [(1, "at_least_once"), (2, "exactly_once")] as [(UInt64, String)])
  func killedAtAnyMomentNothingIsMissing(seed: UInt64, guarantee: String) throws {
    create()
    var random = SeededRandom(seed: seed)
    let file = Made.events(
      scratch, "events.ndjson", count: 4_000, seed: Int(seed), ["--duplicates", "0.02"])
    let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").enumerated().flatMap {
      $0 % 60 == 0 ? [$1, Substring("{\"user_id\":\"u\($0)\",\"nothing\":\"else\"}")] : [$1]
    }
    let topology = topology(guarantee: guarantee)
    var server = start(topology)
    for piece in 0..<2 {
      eventually("it has partitions") {
        partitions(server).filter { $0["state"] as? String == "running" }.count == Int(KafkaOutputTests.partitions)
      }
      brokers.append("events", lines[lines.count * piece / 2..<lines.count * (piece + 1) / 2])
      // A commit comes about a second after the first record, and its outputs are acknowledged a while later.
      brokers.setRoundTrip(milliseconds: 200)
      usleep(UInt32(700_000 + random.below(1_000_000)))
      #expect(server.end(SIGKILL) == -SIGKILL)
      brokers.setRoundTrip(milliseconds: 0)
      server = start(topology)
    }
    settle(server, lines.count)
    #expect(server.end(SIGTERM) == 0, "\(server.errors)")
    compare()
  }

  private func made(_ count: Int) throws -> [Substring] {
    let file = Made.events(scratch, "events.ndjson", count: count)
    return try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").enumerated().flatMap {
      $0 % 40 == 0 ? [$1, Substring("{\"user_id\":\"u\($0)\",\"nothing\":\"else\"}")] : [$1]
    }
  }

  /// Kafka refuses for a while: it is said, nothing is lost, and it goes on by itself.
  @Test func whatIsRefusedIsWrittenAgain() throws {
    create()
    let server = start(topology())
    settle(server)
    let lines = try made(2_500)
    brokers.append("events", lines)
    let refusals = [rd_kafka_resp_err_t](repeating: RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, count: 40)
    rd_kafka_mock_push_request_errors_array(brokers.mock, 0, refusals.count, refusals)
    var said = ""
    eventually("the refusal is said") {
      let outputs = partitions(server).compactMap { $0["outputs"] as? [String: Any] }
      said = outputs.compactMap { $0["last_error"] as? String }.first ?? ""
      return !said.isEmpty && outputs.contains { ($0["errors"] as? Int ?? 0) > 0 }
    }
    #expect(said.contains("did not acknowledge outputs"), "\(said)")
    #expect(server.get("/query?view=traffic&metric=events&granularity=day").status == 200)
    settle(server, lines.count)
    let metrics = server.get("/metrics").body
    #expect(metrics.contains("millrace_sink_records_total{") && metrics.contains("millrace_sink_errors_total{"))
    #expect(server.end(SIGTERM) == 0, "\(server.errors)")
    compare()
  }

  /// Adding a sink is no new generation, and its topic begins with all there is.
  @Test func aNewSinkIsGivenEverything() throws {
    create()
    let lines = try made(2_500)
    brokers.append("events", lines)
    let before = start(topology(sinks: false))
    settle(before, lines.count)
    #expect(before.end(SIGTERM) == 0, "\(before.errors)")
    let after = start(topology())
    settle(after, lines.count)
    #expect(after.end(SIGTERM) == 0, "\(after.errors)")
    #expect(!after.errors.contains("differs from generation"), "\(after.errors)")
    compare(rejected: 0)
  }

  /// What changed while there was no sink is written when there is one again.
  @Test func aSinkThatWasAwayIsGivenEverything() throws {
    create()
    let lines = try made(3_000)
    for (piece, sinks) in [true, false, true].enumerated() {
      if piece < 2 { brokers.append("events", lines[lines.count * piece / 2..<lines.count * (piece + 1) / 2]) }
      let server = start(topology(sinks: sinks))
      settle(server, lines.count * min(piece + 1, 2) / 2)
      #expect(server.end(SIGTERM) == 0, "\(server.errors)")
    }
    for grain in ["hour", "day"] {
      let traffic = ["events", "users", "amount"]
      expectEqual(
        rows("out.traffic", grain, "event_type", traffic), exported("traffic", grain, "event_type", traffic, "a"),
        "traffic by \(grain)")
    }
  }

  /// An instance without any state takes over: it writes nothing until it is where the other was. The mock forgets offsets of
  /// transactions, so the test commits what the first instance did.
  @Test func anotherInstanceGoesOnWhereTheOffsetIs() throws {
    create()
    let lines = try made(3_000)
    let topology = topology(guarantee: "exactly_once")
    brokers.append("events", lines[..<1_500])
    let first = start(topology)
    settle(first, 1_500)
    let topologies = first.get("/topologies").json["topologies"] as? [[String: Any]] ?? []
    let digest = try #require(topologies.first?["digest"] as? String)
    let offsets = partitions(first).map { $0["offset"] as? Int ?? 0 }
    #expect(offsets.reduce(0, +) >= 1_500)
    #expect(first.end(SIGKILL) == -SIGKILL)
    brokers.commit(group: "test.made.\(digest).sink", "events", offsets)
    func written(_ belongs: (_ offset: Int, _ taken: Int) -> Bool) -> Int {
      brokers.written("out.traffic", partitions: KafkaOutputTests.sinkPartitions).filter { record in
        let partition = object(record.key)["partition"] as? Int ?? 0
        return belongs(Int(record.headers["millrace-offset"] ?? "") ?? 0, offsets[partition])
      }.count
    }
    let (before, there) = (written(<), written(==))
    // All at once, so that only a bound makes it commit where the other one was.
    brokers.append("events", lines[1_500...])
    let second = start(topology, "b")
    settle(second, lines.count)
    #expect(written(<) == before)
    #expect(written(==) > there)
    #expect(second.end(SIGTERM) == 0, "\(second.errors)")
    compare("b")
  }

  @Test func aSinkNeedsKafka() {
    let result = Program.run("serve", topology(), "--data", scratch.path("a"), "--listen", "127.0.0.1:0")
    #expect(result.code == 1)
    #expect(
      result.errors.contains("topology 'made' writes view 'checkout' to out.checkout")
        && result.errors.contains("the configuration has no Kafka"), "\(result.errors)")
  }
}
