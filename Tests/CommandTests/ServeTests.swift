import Foundation
import Testing

/// Goal: the server answers what the command line says of the same data, and dying changes no number. Method: the shipped
/// program serving a log, asked over HTTP, killed and started again; then the directory is read without it.
@Suite struct ServeTests {
  private let scratch = Scratch()
  private var data: String { scratch.path("data") }

  private func importing(_ count: Int, bytes: Int = 400) {
    let file = Made.events(scratch, "a.ndjson", count: count, bytes: bytes, ["--hostile", "0.001"])
    let imported = Program.run("import", file, "--data", data)
    #expect(imported.code == 0, "\(imported.errors)")
  }

  private static let queries = [
    (
      ["query", "traffic", "--metric", "events", "--granularity", "day", "--group-by", "event_type,geo.country"],
      "/query?view=traffic&metric=events&granularity=day&group_by=event_type,geo.country"
    ),
    (
      ["query", "visits", "--metric", "p95", "--granularity", "hour", "--where", "geo.country = 'DE'"],
      "/query?view=visits&metric=p95&granularity=hour&where=geo.country%20%3D%20'DE'"
    ),
    (["query", "traffic", "--metric", "users", "--granularity", "day"], "/query?metric=users&granularity=day"),
    (
      [
        "query", "traffic", "--metric", "users", "--granularity", "week", "--group-by", "geo.country", "--top", "3",
        "--other", "--order=-value", "--fill", "zero", "--compare-to", "previous_period", "--start", "2026-03-01",
        "--end",
        "2026-03-09", "--timezone", "Asia/Kathmandu",
      ],
      "/query?view=traffic&metric=users&granularity=week&group_by=geo.country&top=3&other=true&order=-value&fill=zero"
        + "&compare_to=previous_period&start_time=2026-03-01&end_time=2026-03-09&timezone=Asia/Kathmandu"
    ),
    (["funnel", "checkout", "--by"], "/funnels/checkout/results?by=true"),
    (["funnel", "checkout", "--start", "2026-03-03"], "/funnels/checkout/results?start_time=2026-03-03"),
  ]

  @Test func anotherTopicOrTheSameNameTwiceIsRefused() throws {
    importing(100)
    let file = try String(contentsOf: Program.root.appending(path: Made.topology), encoding: .utf8)
    let here = scratch.write("here.yaml", file)
    let twice = Program.run("serve", Made.topology, here, "--data", data, "--listen", "127.0.0.1:0")
    #expect(twice.code == 1 && twice.errors.contains("two of the files are topology 'web'"), "\(twice.errors)")
    #expect(Program.run("run", here, "--data", data, "--json").json["read"] as? Int == 100)
    #expect(Program.run("import", scratch.path("a.ndjson"), "--topic", "other", "--data", data).code == 0)
    let other = scratch.write("other.yaml", file.replacingOccurrences(of: "topic: events", with: "topic: other"))
    let moved = Program.run("serve", other, "--data", data, "--listen", "127.0.0.1:0")
    #expect(moved.code == 1 && moved.errors.contains("was built from topic 'events'"), "\(moved.errors)")
  }

  @Test func whatIsServedIsCopiedAndDamageGoesBackToTheCopy() throws {
    importing(20_000)
    let configuration = scratch.write(
      "own.yaml",
      "data: \(data)\nlog: { embedded: { path: \(data)/log } }\ngenerations: { checkpoints: 2, checkpoint_every: 1s }\n"
    )
    let server = Served([Made.topology, "--config", configuration])
    server.waitUntilReady()
    eventually("a checkpoint is made") { server.errors.contains("checkpoint 1 of topology 'web'") }
    #expect(server.end(SIGTERM) == 0)
    let expected = Made.numbers(data)
    let list =
      Program.run("checkpoint", "list", "web", "--data", data, "--json").json["checkpoints"] as? [[String: Any]]
    // At rest nothing is copied again.
    #expect((1...2).contains(list?.count ?? 0), "\(list ?? [])")
    for partition in 0..<4 {
      try FileManager.default.removeItem(atPath: "\(data)/topologies/web/gen-1/p-00\(partition)/state/CURRENT")
    }
    let restored = Program.run("checkpoint", "restore", "web", "--data", data)
    #expect(restored.code == 0, "\(restored.errors)")
    #expect(Program.run("run", Made.topology, "--data", data, "--json").json["read"] as? Int == 20_000)
    #expect(Made.numbers(data) == expected)
  }

  @Test func whatIsServedIsVerifiedMeanwhile() {
    importing(20_000)
    let server = Served([Made.topology, "--data", data, "--verify-every", "1s"])
    server.waitUntilReady()
    var metrics = ""
    // The first may come before anything is committed.
    eventually("it is rebuilt and compared") {
      metrics = server.get("/metrics").body
      return metrics.contains("millrace_verify_cells{")
        && !metrics.contains("millrace_verify_cells{topology=\"web\"} 0\n")
    }
    #expect(metrics.contains("millrace_verify_differing_cells{topology=\"web\"} 0\n"))
    #expect(server.end(SIGTERM) == 0)
    #expect(server.errors.contains("web generation 1 is what its log gives: "))
    #expect(!server.errors.contains("was not verified") && !server.errors.contains("is NOT"), "\(server.errors)")
  }

  @Test func answersAreThoseOfTheCommandLine() {
    importing(30_000)
    let server = Served([Made.topology, "--data", data])
    #expect(server.get("/healthz").status == 200)
    server.waitUntilReady()
    var served: [String] = []
    for (arguments, path) in ServeTests.queries {
      let answer = server.get(path)
      #expect(answer.status == 200, "\(path): \(answer.body)")
      served.append(Made.timeless(answer.json))
      let verb = Program.run(arguments + ["--server", server.url, "--json"])
      #expect(verb.code == 0, "\(verb.errors)")
      #expect(Made.timeless(verb.json) == served.last, "\(arguments)")
    }
    let topologies = server.get("/topologies").json["topologies"] as? [[String: Any]] ?? []
    let partitions = topologies.first?["partitions"] as? [[String: Any]] ?? []
    #expect(partitions.reduce(0) { $0 + ($1["read"] as? Int ?? 0) } == 30_000)
    let status = Program.run("status", "--server", server.url, "--json")
    #expect((status.json["topologies"] as? [[String: Any]])?.count == 1)
    let metrics = server.get("/metrics").body
    for partition in 0..<4 {
      #expect(metrics.contains("millrace_partition_up{topology=\"web\",partition=\"\(partition)\"} 1"), "\(metrics)")
      #expect(metrics.contains("millrace_partition_lag_records{topology=\"web\",partition=\"\(partition)\"} 0"))
    }
    let unknown = Program.run("query", "traffic", "--metric", "evnts", "--server", server.url)
    #expect(unknown.code == 1 && unknown.errors.contains("did you mean 'events'"), "\(unknown.errors)")
    #expect(server.end(SIGTERM) == 0, "\(server.errors)")

    for ((arguments, path), answer) in zip(ServeTests.queries, served) {
      let offline = Program.run(arguments + ["--data", data, "--json"])
      #expect(Made.timeless(offline.json) == answer, "\(path)")
    }
    let gone = Program.run("query", "traffic", "--metric", "events", "--server", server.url)
    #expect(gone.code == 2, "nobody answers there now")
  }

  /// Ready means that answers hold everything the log had at the start, not that it was merely read.
  @Test func readyIsWhenAnswersAreWhole() {
    importing(20_000)
    let server = Served([Made.topology, "--data", data])
    server.waitUntilReady()
    let answer = server.get("/query?view=traffic&metric=events&granularity=day").json
    let counted = (answer["data"] as? [[String: Any]] ?? []).reduce(0) { $0 + ($1["value"] as? Int ?? 0) }
    let topologies = server.get("/topologies").json["topologies"] as? [[String: Any]] ?? []
    let partitions = topologies.first?["partitions"] as? [[String: Any]] ?? []
    #expect(counted == partitions.reduce(0) { $0 + ($1["counted"] as? Int ?? 0) })
    #expect(counted > 19_000)
  }

  /// `complete_until` may never promise what the answer does not hold: the last bucket before it must be final.
  @Test func whatIsCompleteNeverChanges() {
    importing(150_000)
    let path = "/query?view=traffic&metric=events&granularity=hour&limit=100000"
    let server = Served([Made.topology, "--data", data, "--threads", "1"])
    var seen: [(until: String, rows: [String: Int])] = []
    eventually("the server is ready") {
      let answer = server.get(path).json
      if let until = answer["complete_until"] as? String { seen.append((until, ServeTests.rows(answer))) }
      return server.get("/readyz").status == 200
    }
    let final = ServeTests.rows(server.get(path).json)
    // Events up to 20 hours late are ordinary here, so a bucket may still grow that long after it.
    for (until, rows) in seen {
      guard let end = try? Date(until, strategy: .iso8601.year().month().day().time(includingFractionalSeconds: true))
      else { continue }
      let stable = ISO8601DateFormatter().string(from: end.addingTimeInterval(-22 * 3_600))
      for (bucket, value) in final where bucket < stable {
        #expect(rows[bucket] == value, "\(bucket) was called complete at \(until)")
      }
    }
  }

  private static func rows(_ answer: [String: Any]) -> [String: Int] {
    var rows: [String: Int] = [:]
    for row in answer["data"] as? [[String: Any]] ?? [] {
      rows[row["timestamp"] as? String ?? ""] = row["value"] as? Int
    }
    return rows
  }

  @Test func killedWhileCatchingUpEndsWithTheSameNumbers() {
    importing(120_000)
    #expect(shell("cp -r \(data) \(scratch.path("bounded"))") == 0)
    let bounded = Program.run("run", Made.topology, "--data", scratch.path("bounded"), "--json")
    #expect(bounded.code == 0, "\(bounded.errors)")

    var killer = Killer(seed: 11)
    killer.kill(
      8, within: 0.6, ["serve", Made.topology, "--data", data, "--listen", "127.0.0.1:0", "--threads", "1"], scratch)
    let server = Served([Made.topology, "--data", data])
    server.waitUntilReady()
    #expect(server.end(SIGTERM) == 0)
    let status = Program.run("status", "--data", data, "--json").json
    let partitions = ((status["topologies"] as? [[String: Any]])?.first?["partitions"] as? [[String: Any]]) ?? []
    for (name, total) in Made.ledger(bounded.json) {
      #expect(partitions.reduce(0) { $0 + ($1[name] as? Int ?? 0) } == total, "\(name)")
    }
    let numbers = Made.numbers(scratch.path("bounded"), isKilled: true)
    Made.expectEqual(Made.numbers(data, isKilled: true), numbers, "served and run")
  }

  @Test func aSecondProcessIsToldWhoHasTheDirectory() {
    importing(1_000)
    let server = Served([Made.topology, "--data", data])
    for arguments in [
      ["run", Made.topology], ["serve", Made.topology, "--listen", "127.0.0.1:0"], ["status"],
      ["export", "traffic"], ["query", "traffic", "--metric", "events"], ["generate", "--events", "5", "--log"],
    ] {
      let second = Program.run(arguments + ["--data", data])
      #expect(second.code == 2, "\(arguments)")
      #expect(second.errors.contains("process \(server.process.processIdentifier)"), "\(second.errors)")
      #expect(second.errors.contains("--server"), "\(second.errors)")
    }
    #expect(server.end(SIGINT) == 0, "\(server.errors)")
    #expect(Program.run("status", "--data", data).code == 0, "it goes free with the process")
  }

  @Test func severalTopologiesOfOneLog() {
    importing(3_000)
    let second = scratch.write(
      "second.yaml",
      """
      topology: second
      views:
        pages:
          rollup: { of: events, by: page.path, measures: { views: count }, grains: { day: forever } }
      """)
    let server = Served([Made.topology, second, "--data", data])
    server.waitUntilReady()
    #expect(server.get("/query?metric=views&granularity=day").status == 200)
    #expect(server.get("/query?metric=events&granularity=day").status == 200)
    #expect((server.get("/topologies").json["topologies"] as? [Any])?.count == 2)
    #expect(server.end(SIGTERM) == 0)
    #expect(Program.run("export", "pages", "--data", data).code == 0, "only one topology has that view")
    #expect(Program.run("quarantine", "list", "--data", data).code == 1, "which one is not clear")
  }

  @Test func aPortThatIsTakenIsSaidSo() {
    importing(100)
    let server = Served([Made.topology, "--data", data])
    let port = server.url.split(separator: ":").last.map(String.init) ?? ""
    let second = Program.run(
      "serve", Made.topology, "--data", scratch.path("other"), "--listen", "127.0.0.1:\(port)")
    #expect(second.code == 2)
    #expect(second.errors.contains(port), "\(second.errors)")
    let open = Program.run("serve", Made.topology, "--data", scratch.path("other"), "--listen", "0.0.0.0:0")
    #expect(open.code == 1, "without keys only this machine may ask: \(open.errors)")
  }
}
