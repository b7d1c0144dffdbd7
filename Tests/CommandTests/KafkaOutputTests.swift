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
  private func settle(_ server: Served) {
    eventually("all is read and written: \(server.errors)", seconds: 60) {
      let all = partitions(server)
      return all.count == Int(KafkaOutputTests.partitions)
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

  private func exported(_ view: String, _ grain: String, _ dimension: String, _ measures: [String]) -> Set<
    [String: String]
  > {
    Set(
      export(view, grain: grain, data: scratch.path("a")).map { row in
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
  private func compare() {
    for grain in ["hour", "day"] {
      let traffic = ["events", "users", "amount"]
      let expected = exported("traffic", grain, "event_type", traffic)
      #expect(expected.count > 20)
      expectEqual(rows("out.traffic", grain, "event_type", traffic), expected, "traffic by \(grain)")
      let visits = ["sessions", "duration", "users"]
      expectEqual(
        rows("out.visits", grain, "device.type", visits), exported("visits", grain, "device.type", visits),
        "visits by \(grain)")
    }
    let sessions = standing("out.sessions").values
    let total = exported("visits", "day", "device.type", ["sessions", "duration"])
    #expect(sessions.count == total.reduce(0) { $0 + Int($1["sessions"]!)! })
    #expect(
      sessions.reduce(0) { $0 + ($1["duration"] as? Int ?? 0) } == total.reduce(0) { $0 + Int($1["duration"]!)! })
    let events = exported("traffic", "day", "event_type", ["events"]).reduce(0) { $0 + Int($1["events"]!)! }
    #expect(sessions.reduce(0) { $0 + ($1["events"] as? Int ?? 0) } == events)

    // A user is in one partition, so users of an hour add up; the best level of one range is not the sum of its hours'.
    let funnel = Program.run("funnel", "checkout", "--data", scratch.path("a"), "--json").json
    let entered = (funnel["steps"] as? [[String: Any]])?.first?["users_entered"] as? Int ?? -1
    let hours = standing("out.checkout").values.map { ($0["users"] as? [Int])?[0] ?? 0 }
    #expect(hours.reduce(0, +) >= entered && hours.max()! <= entered)

    let letters = brokers.written("out.dead", partitions: KafkaOutputTests.sinkPartitions)
    let ledger = Program.run("status", "--data", scratch.path("a"), "--json").json
    let partitions = (ledger["topologies"] as? [[String: Any]])?.first?["partitions"] as? [[String: Any]] ?? []
    let rejected = partitions.reduce(0) { $0 + ($1["late"] as! Int) + ($1["quarantined"] as! Int) }
    #expect(rejected > 50)
    #expect(Set(letters.map(\.key)).count == rejected)
    #expect(letters.allSatisfy { $0.value != nil && $0.headers["millrace-reason"] != nil })
  }

  /// The mock only plays transactions, so with them this is about what is written and how it is gone on with.
  @Test(arguments: [(1, "at_least_once"), (2, "exactly_once")] as [(UInt64, String)])
  func killedAtAnyMomentNothingIsMissing(seed: UInt64, guarantee: String) throws {
    create()
    var random = SeededRandom(seed: seed)
    let file = Made.events(
      scratch, "events.ndjson", count: 6_000, seed: Int(seed), ["--duplicates", "0.02"])
    let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").enumerated().flatMap {
      $0 % 60 == 0 ? [$1, Substring("{\"user_id\":\"u\($0)\",\"nothing\":\"else\"}")] : [$1]
    }
    let topology = topology(guarantee: guarantee)
    var server = start(topology)
    for piece in 0..<4 {
      eventually("it has partitions", seconds: 40) {
        partitions(server).filter { $0["state"] as? String == "running" }.count == Int(KafkaOutputTests.partitions)
      }
      brokers.append("events", lines[lines.count * piece / 4..<lines.count * (piece + 1) / 4])
      // A commit comes about a second after the first record, and its outputs are acknowledged a while later.
      brokers.setRoundTrip(milliseconds: 200)
      usleep(UInt32(700_000 + random.below(1_000_000)))
      #expect(server.end(SIGKILL) == -SIGKILL)
      brokers.setRoundTrip(milliseconds: 0)
      server = start(topology)
    }
    settle(server)
    #expect(server.end(SIGTERM) == 0, "\(server.errors)")
    compare()
  }
}
