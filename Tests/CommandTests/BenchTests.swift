import Foundation
import Testing

/// Goal: a measurement says what it measured, and is none when an answer is wrong. Method: the shipped program on little
/// work; nothing is asserted about time.
@Suite struct BenchTests {
  private let scratch = Scratch()

  @Test func replayChecksItsAnswersAndSaysWhereTheTimeWent() {
    let result = Program.run("bench", "--events", "20000", "--users", "2000", "--runs", "1", "--json")
    #expect(result.code == 0, "\(result.errors)")
    let json = result.json
    #expect(json["bench"] as? String == "replay")
    #expect(json["answers_checked"] as? Bool == true)
    #expect((json["rows_checked"] as? Int ?? 0) > 10_000)
    #expect((json["work"] as? [String: Any])?["events"] as? Int == 20_000)
    let own = json["millrace"] as? [String: Any] ?? [:]
    for key in [
      "events_per_second", "seconds", "cpu_us_per_event", "peak_rss_bytes", "bytes_written", "state_bytes",
      "all_seconds",
    ] {
      #expect(own[key] != nil, "\(key)")
    }
    let stages = own["stages"] as? [String: Any] ?? [:]
    #expect(
      Set(stages.keys) == [
        "read", "parse", "prefetch", "dedup", "texts", "rollup", "sessions", "funnel", "commit", "other",
      ])
  }

  @Test func theLogAndNoLocalityGiveTheAnswersExpected() {
    let result = Program.run(
      "bench", "--events", "20000", "--users", "5000", "--uniform", "--source", "log", "--runs", "1", "--json")
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.json["answers_checked"] as? Bool == true)
  }

  @Test func aWrongAnswerIsNoMeasurement() throws {
    let work = scratch.path("work")
    func bench() -> Program.Result {
      Program.run(
        "bench", "--events", "5000", "--users", "500", "--runs", "1", "--json", "--work", work)
    }
    #expect(bench().code == 0)
    for name in ["expected-traffic-minute.csv", "expected-visits-hour.csv", "expected-checkout.csv"] {
      let file = URL(filePath: "\(work)/\(name)")
      let right = try String(contentsOf: file, encoding: .utf8)
      var lines = right.split(separator: "\n").map(String.init)
      lines[3] += "1"
      try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: file)
      let result = bench()
      #expect(result.code == 2, "\(name)")
      #expect(result.output.isEmpty, "no figures without answers: \(result.output)")
      #expect(result.errors.contains("the answers are wrong") && result.errors.contains(lines[3]), "\(result.errors)")
      try Data(right.utf8).write(to: file)
    }
    #expect(bench().code == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: work).allSatisfy { !$0.hasPrefix("run-") })
  }

  @Test func dedupAndScalingCheckTheirAnswers() {
    let dedup = Program.run("bench", "dedup", "--events", "20000", "--json")
    #expect(dedup.code == 0, "\(dedup.errors)")
    #expect((dedup.json["work"] as? [String: Any])?["lines"] as? Int == 20_400)
    let scaling = Program.run("bench", "scaling", "--events", "5000", "--users", "500", "--runs", "1", "--json")
    #expect(scaling.code == 0, "\(scaling.errors)")
    for key in ["one_thread", "two_threads", "two_processes", "two_threads_to_one", "two_threads_to_two_processes"] {
      #expect(scaling.json[key] != nil, "\(key)")
    }
  }

  @Test func liveFeedsANodeAndChecksItsAnswers() {
    let result = Program.run(
      "bench", "live", "--rate", "4000", "--duration", "1500ms", "--users", "1000", "--json")
    #expect(result.code == 0, "\(result.errors)")
    for key in ["serving_cores", "state_bytes_written_per_event", "resident_bytes", "most_events_not_committed"] {
      #expect(result.json[key] != nil, "\(key)")
    }
    #expect(result.json["answers_checked"] as? Bool == true)
  }

  @Test func kafkaIsMeasuredOnMockBrokers() {
    let full = Program.run(
      "bench", "kafka", "--events", "10000", "--users", "1000", "--partitions", "4", "--runs", "1", "--json")
    #expect(full.code == 0, "\(full.errors)")
    #expect(full.json["answers_checked"] as? Bool == true)
    #expect((full.json["work"] as? [String: Any])?["mock"] as? Bool == true)
    #expect((full.json["events_per_second_per_core"] as? Int ?? 0) > 0)
    let live = Program.run(
      "bench", "kafka", "--live", "--rate", "4000", "--duration", "2s", "--users", "1000", "--partitions", "4", "--json"
    )
    #expect(live.code == 0, "\(live.errors)")
    for key in ["behind_ms_p50", "behind_ms_p99", "behind_ms_max", "said_freshness_ms_max", "serving_cores"] {
      #expect(live.json[key] != nil, "\(key)")
    }
  }

  /// Twice over one topic, which the second server finds in its files: what the first one was sent is what it gives.
  @Test func kafkaIsMeasuredOnATopicServer() throws {
    for _ in 0..<2 {
      let server = Process()
      let (input, output) = (Pipe(), Pipe())
      server.executableURL = URL(filePath: "/usr/bin/env")
      server.arguments = [
        "python3", Program.root.appending(path: "scripts/topic_server.py").path, scratch.path("topic"), "--partitions",
        "4",
      ]
      server.standardInput = input
      server.standardOutput = output
      try server.run()
      let address = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      let result = Program.run(
        "bench", "kafka", "--events", "20000", "--users", "1000", "--partitions", "4", "--runs", "1", "--brokers",
        address, "--compare", "kcat", "--json")
      #expect(result.code == 0, "\(result.errors)")
      #expect(result.json["answers_checked"] as? Bool == true)
      #expect((result.json["work"] as? [String: Any])?["mock"] as? Bool == false)
      // kcat only reads, and is refused when it has not read everything.
      #expect(result.json["kcat"] is [String: Any])
      #expect((result.json["times_what_reading_takes"] as? Double ?? 0) > 0)
      try input.fileHandleForWriting.close()
      server.waitUntilExit()
      #expect(server.terminationStatus == 0)
    }
  }

  @Test(arguments: [
    ("bench kafka --rate 5", "--live"), ("bench replay --brokers b", "kafka"), ("bench kafka --topic t", "--brokers"),
    ("bench replays", "replay"), ("bench --compare clickhouse", "duckdb"), ("bench dedup --source log", "replay"),
    ("bench --source topic", "files"), ("bench --prepare", "--work"), ("bench live --runs 3", "--duration"),
    ("bench scaling --threads 2", "threads"), ("bench kafka --compare duckdb", "kcat"),
    ("bench kafka --live --compare kcat", "--compare"),
  ])
  func whatCannotBeMeasuredIsRefused(_ words: String, _ hint: String) {
    let result = Program.run(words.split(separator: " ").map(String.init))
    #expect(result.code == 1 && result.output.isEmpty)
    #expect(result.errors.contains(hint), "\(result.errors)")
  }
}
