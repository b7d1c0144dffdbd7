import Foundation
import Testing

/// Goal: one damaged partition stops alone, is named everywhere, and ends right once repaired; a log that is not the state's
/// is refused. Method: bytes of segment files and whole logs are exchanged under the shipped program.
@Suite struct StoppedPartitionTests {
  private let scratch = Scratch()
  private var data: String { scratch.path("data") }
  private var configuration: String { scratch.path("millrace.yaml") }
  private let count = 40_000

  init() {
    _ = Made.configuration(scratch, data: scratch.path("data"))
  }

  private func importing(_ seed: Int, count: Int? = nil) {
    let file = Made.events(scratch, "\(seed).ndjson", count: count ?? self.count, seed: seed)
    let imported = Program.run("import", file, "--config", configuration)
    #expect(imported.code == 0, "\(imported.errors)")
  }

  private func run(_ options: String...) -> Program.Result {
    Program.run(["run", Made.topology, "--config", configuration, "--json"] + options)
  }

  private func status() -> [[String: Any]] {
    let json = Program.run("status", "--config", configuration, "--json").json
    return (json["topologies"] as? [[String: Any]])?.first?["partitions"] as? [[String: Any]] ?? []
  }

  /// Turns some bytes of a middle segment of partition 1 over; again, and they are as before. Returns its path.
  @discardableResult
  private func damage() -> String {
    let directory = scratch.file("data/log/events/p-001")
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []).sorted()
    #expect(names.count > 4, "the log has too few segments for this test")
    let file = directory.appending(path: names[names.count / 2])
    var bytes = (try? Data(contentsOf: file)) ?? Data()
    for index in bytes.count / 2..<bytes.count / 2 + 8 { bytes[index] ^= 0xff }
    let handle = try! FileHandle(forWritingTo: file)
    try! handle.write(contentsOf: bytes)
    try! handle.close()
    return file.path
  }

  private func whole() -> [String: String] {
    #expect(shell("mkdir -p \(scratch.path("whole")) && cp -r \(data)/log \(scratch.path("whole/log"))") == 0)
    let run = Program.run("run", Made.topology, "--data", scratch.path("whole"))
    #expect(run.code == 0, "\(run.errors)")
    return Made.numbers(scratch.path("whole"))
  }

  @Test func aDamagedStateSaysHowItIsBuiltAnew() throws {
    importing(1, count: 2_000)
    #expect(run().code == 0)
    let numbers = Made.numbers(data)
    let state = scratch.path("data/topologies/web/gen-1/p-001/state")
    try Data("garbage".utf8).write(to: URL(filePath: "\(state)/CURRENT"))
    let stopped = run()
    #expect(stopped.code == 2)
    #expect(stopped.errors.contains("remove \(state) and start again"), "\(stopped.errors)")
    try FileManager.default.removeItem(atPath: state)
    let again = run()
    #expect(again.code == 0, "\(again.errors)")
    Made.expectEqual(Made.numbers(data), numbers, "built anew and never damaged")
  }

  @Test func damageStopsOnePartitionUntilItIsRepaired() throws {
    importing(1)
    let whole = whole()
    let file = damage()
    let stopped = run()
    #expect(stopped.code == 2)
    #expect(stopped.errors.contains("partition 1") && stopped.errors.contains(file), "\(stopped.errors)")
    #expect(stopped.errors.contains("byte") && stopped.errors.contains("offset"), "\(stopped.errors)")
    let partial = stopped.json["partial"] as? [[String: Any]] ?? []
    #expect(partial.compactMap { $0["partition"] as? Int } == [1])

    let partitions = status()
    #expect(partitions.compactMap { $0["state"] as? String } == ["finished", "stopped", "finished"])
    #expect((partitions[1]["message"] as? String)?.contains(file) == true)
    // Everything before the damage counts, and what the run said is what the state holds.
    let read = partitions.compactMap { $0["read"] as? Int }
    #expect(read[1] > 0)
    #expect(stopped.json["read"] as? Int == read.reduce(0, +))
    #expect(stopped.json["counted"] as? Int == partitions.reduce(0) { $0 + ($1["counted"] as? Int ?? 0) })

    for verb in [["query", "traffic", "--metric", "events", "--granularity", "day"], ["funnel", "checkout"]] {
      let answer = Program.run(verb + ["--config", configuration, "--json"])
      #expect(answer.code == 0)
      let missing = answer.json["partial"] as? [[String: Any]] ?? []
      #expect(missing.compactMap { $0["partition"] as? Int } == [1])
      #expect((missing.first?["message"] as? String)?.contains(file) == true)
    }
    let export = Program.run("export", "traffic", "--config", configuration)
    #expect(export.code == 2)
    #expect(export.errors.contains("partition 1"), "\(export.errors)")
    #expect(run().code == 2, "it stays stopped as long as the damage is there")

    damage()
    let repaired = run()
    #expect(repaired.code == 0, "\(repaired.errors)")
    #expect(repaired.json["read"] as? Int == count)
    #expect(status().allSatisfy { $0["state"] as? String == "finished" })
    Made.expectEqual(Made.numbers(data), whole, "repaired and never damaged")
  }

  @Test func aServerShowsWhatStoppedAndGoesOn() {
    importing(2)
    let whole = whole()
    let file = damage()
    do {
      let server = Served([Made.topology, "--config", configuration])
      server.waitUntilReady()
      eventually("the metrics show it") {
        let metrics = server.get("/metrics").body
        return metrics.contains("millrace_partition_up{topology=\"web\",partition=\"1\"} 0")
          && metrics.contains("millrace_partition_up{topology=\"web\",partition=\"0\"} 1")
          && metrics.contains("millrace_partition_up{topology=\"web\",partition=\"2\"} 1")
      }
      let ready = server.get("/readyz").json["stopped"] as? [[String: Any]] ?? []
      #expect(ready.compactMap { $0["partition"] as? Int } == [1])
      for path in ["/query?view=traffic&metric=events&granularity=day", "/funnels/checkout/results"] {
        let answer = server.get(path)
        #expect(answer.status == 200)
        let missing = answer.json["partial"] as? [[String: Any]] ?? []
        #expect((missing.first?["message"] as? String)?.contains(file) == true, "\(answer.body)")
      }
      #expect(server.end(SIGTERM) == 0)
    }
    damage()
    let server = Served([Made.topology, "--config", configuration])
    server.waitUntilReady()
    #expect(server.get("/query?view=traffic&metric=events&granularity=day").json["partial"] == nil)
    #expect(server.end(SIGTERM) == 0)
    Made.expectEqual(Made.numbers(data), whole, "repaired and never damaged")
  }

  /// The message's second remedy, for who has no copy of the file.
  @Test func whatIsBehindDamageCanBeGivenUp() throws {
    importing(3)
    damage()
    let stopped = run()
    let advice = try #require(stopped.errors.firstRange(of: "truncate"))
    let command = stopped.errors[advice.lowerBound...].prefix { $0 != "\n" }
    #expect(shell(String(command)) == 0, "\(command)")
    let after = run()
    #expect(after.code == 0, "the advice did not help: \(after.errors)")
    #expect((after.json["read"] as? Int ?? 0) < count)
    #expect(status().allSatisfy { $0["state"] as? String == "finished" })
    let file = Made.events(
      scratch, "more.ndjson", count: 3_000, seed: 9, ["--start", "2026-03-08", "--end", "2026-03-09"])
    #expect(Program.run("import", file, "--config", configuration).code == 0)
    let more = run()
    #expect(more.code == 0, "\(more.errors)")
    #expect(more.json["read_this_run"] as? Int == 3_000)
  }

  @Test(arguments: [20_000, 60_000]) func anotherLogUnderAStateIsRefused(count: Int) throws {
    importing(4)
    #expect(run().code == 0)
    let numbers = Made.numbers(data)
    let ledger = Made.ledger(run().json)
    try FileManager.default.removeItem(atPath: scratch.path("data/log"))
    importing(5, count: count)
    let refused = run()
    #expect(refused.code == 2)
    #expect(refused.errors.contains("this state is not of this log"), "\(refused.errors)")
    #expect((refused.json["partial"] as? [Any])?.count == 3)
    #expect(Made.ledger(refused.json) == ledger, "the totals of the data directory are what they were")
    let server = Served([Made.topology, "--config", configuration])
    let answer = server.get("/query?view=traffic&metric=events&granularity=day").json
    #expect((answer["partial"] as? [Any])?.count == 3)
    #expect(server.end(SIGTERM) == 0)
    let partitions = status()
    #expect(partitions.allSatisfy { $0["state"] as? String == "stopped" })
    #expect(partitions.reduce(0) { $0 + ($1["read"] as? Int ?? 0) } == ledger["read"])
    let export = Program.run("export", "traffic", "--grain", "day", "--config", configuration)
    #expect(export.code == 2)
    #expect(export.output == numbers["traffic by day"], "no number changed")

    // The log it was made from, brought back.
    try FileManager.default.removeItem(atPath: scratch.path("data/log"))
    #expect(Program.run("import", scratch.path("4.ndjson"), "--config", configuration).code == 0)
    #expect(run().code == 0)
    Made.expectEqual(Made.numbers(data), numbers, "after the log came back")
  }

  /// A partition that has read nothing has no record to know its log by: it reads the other log, and the answer says that the
  /// partition that did read is missing.
  @Test func anExchangedLogIsSeenByThePartitionsThatHaveRead() throws {
    // One user, so one of the three partitions.
    func file(_ name: String, users: Int) -> String {
      scratch.write(
        name,
        (0..<60).map {
          "{\"event_id\":\"\(name)\($0)\",\"event_type\":\"view\",\"user_id\":\"\($0 % users)\","
            + "\"timestamp\":\"2026-03-01T10:00:00Z\"}\n"
        }.joined())
    }
    #expect(Program.run("import", file("a", users: 1), "--config", configuration).code == 0)
    #expect(run().json["counted"] as? Int == 60)
    try FileManager.default.removeItem(atPath: scratch.path("data/log"))
    #expect(Program.run("import", file("b", users: 20), "--config", configuration).code == 0)
    let refused = run()
    #expect(refused.code == 2)
    #expect(refused.errors.contains("this state is not of this log"), "\(refused.errors)")
    #expect((refused.json["partial"] as? [Any])?.count == 1, "\(refused.output)")
  }

  @Test func aChangedPartitionCountIsRefusedWithTheRemedy() throws {
    importing(6, count: 3_000)
    #expect(run().code == 0)
    let numbers = Made.numbers(data)
    // The configuration disagrees with the log.
    _ = Made.configuration(scratch, data: data, partitions: 5)
    let appending = Program.run("generate", "--events", "10", "--log", "--config", configuration)
    #expect(appending.code == 1)
    #expect(appending.errors.contains("partitions: 3"), "\(appending.errors)")
    let serving = Program.run("serve", Made.topology, "--listen", "127.0.0.1:0", "--config", configuration)
    #expect(serving.code == 1 && serving.errors.contains("partitions: 3"), "\(serving.errors)")
    // The log itself was made anew with another count.
    try FileManager.default.removeItem(atPath: scratch.path("data/log"))
    importing(6, count: 3_000)
    let refused = run()
    #expect(refused.code == 1)
    #expect(refused.errors.contains("3 partitions") && refused.errors.contains("5"), "\(refused.errors)")
    #expect(refused.errors.contains("new"), "it says what to do: \(refused.errors)")
    #expect(!refused.errors.contains("--partitions"), "that option is about files: \(refused.errors)")
    let served = Program.run("serve", Made.topology, "--listen", "127.0.0.1:0", "--config", configuration)
    #expect(served.code == 1 && served.errors.contains("3 partitions"), "\(served.errors)")
    Made.expectEqual(Made.numbers(data), numbers, "after the refusals")
  }
}
