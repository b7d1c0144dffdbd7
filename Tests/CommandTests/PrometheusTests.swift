import Foundation
import Testing

/// Goal: Prometheus reads what we write, and its alerts fire when they should. Method: Debian's Prometheus: `promtool` on what a
/// shipped server says and on the files in `config/prometheus`, then a real one that scrapes that server. Where it cannot be had
/// nothing is tested, and that is said.
@Suite struct PrometheusTests {
  private let scratch = Scratch()

  private static let directory: (path: String?, reason: String) = {
    let scratch = Scratch()
    let result = PrometheusTests.run(Program.root.appending(path: "scripts/prometheus").path, [], scratch)
    let path = result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    return result.code == 0 ? (path, "") : (nil, String(result.errors.suffix(500)))
  }()

  private func tools() -> String? {
    if PrometheusTests.directory.path == nil {
      print("skipped: Prometheus cannot be had here: \(PrometheusTests.directory.reason)")
    }
    return PrometheusTests.directory.path
  }

  private static func run(_ program: String, _ arguments: [String], _ scratch: Scratch, input: String? = nil)
    -> Program.Result
  {
    let process = start(program, arguments, scratch, input: input)
    process.waitUntilExit()
    return Program.Result(code: process.terminationStatus, output: scratch.text("out"), errors: scratch.text("err"))
  }

  private static func start(_ program: String, _ arguments: [String], _ scratch: Scratch, input: String? = nil)
    -> Process
  {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.currentDirectoryURL = Program.root
    for name in ["out", "err"] { scratch.write(name, "") }
    process.standardOutput = try! FileHandle(forWritingTo: scratch.file("out"))
    process.standardError = try! FileHandle(forWritingTo: scratch.file("err"))
    process.standardInput = FileHandle.nullDevice
    if let input {
      scratch.write("in", input)
      process.standardInput = try! FileHandle(forReadingFrom: scratch.file("in"))
    }
    try! process.run()
    return process
  }

  @Test func alertsFireWhenTheyShould() {
    guard let tools = tools() else { return }
    for arguments in [
      ["check", "config", "config/prometheus/scrape.yml"], ["test", "rules", "Tests/Prometheus/alerts.yml"],
    ] {
      let checked = PrometheusTests.run("\(tools)/promtool", arguments, scratch)
      #expect(checked.code == 0, "\(checked.output)\(checked.errors)")
    }
    // Each of them is tried.
    let names = { (file: String, pattern: String) -> Set<String> in
      let text = (try? String(contentsOf: Program.root.appending(path: file), encoding: .utf8)) ?? ""
      return Set(
        text.split(separator: "\n").filter { $0.contains(pattern) }.map { String($0.split(separator: " ").last!) })
    }
    let all = names("config/prometheus/alerts.yml", "- alert:")
    #expect(all.count > 10 && names("Tests/Prometheus/alerts.yml", "alertname:") == all)
  }

  /// A topology being rebuilt and verified, events refused and bodies turned away: every family has something to show.
  @Test func aRealOneScrapesAServer() throws {
    guard let tools = tools() else { return }
    let data = scratch.path("data")
    #expect(Program.run("import", Made.events(scratch, "e.ndjson", count: 5_000), "--data", data).code == 0)
    let server = Served([Made.topology, "--data", data])
    server.waitUntilReady()
    #expect(Served.ask("POST", server.url + "/topologies/web/replays").status == 202)
    #expect(Served.ask("POST", server.url + "/topologies/web/verifications").status == 202)
    let event = #"{"event_type":"a","user_id":"u","timestamp":"2026-03-01T09:00:00Z"}"#
    #expect(Served.ask("POST", server.url + "/events", body: Data(event.utf8)).status == 200)
    #expect(Served.ask("POST", server.url + "/events", body: Data("{}".utf8)).status == 400)
    eventually("it is verified") { server.get("/metrics").body.contains("millrace_verify_differing_cells{") }
    let metrics = server.get("/metrics").body
    let checked = PrometheusTests.run("\(tools)/promtool", ["check", "metrics"], scratch, input: metrics)
    #expect(checked.code == 0 && checked.output.isEmpty && checked.errors.isEmpty, "\(checked.output)\(checked.errors)")
    let families = Set(metrics.matches(of: /TYPE (\S+) [a-z]/).map { String($0.1) })
    let alerts = try String(contentsOf: Program.root.appending(path: "config/prometheus/alerts.yml"), encoding: .utf8)
    for name in Set(alerts.matches(of: /millrace_[a-z_]+/).map { String($0.0) })
    where !name.hasPrefix("millrace_kafka") && !name.hasPrefix("millrace_sink") {
      #expect(families.contains(name), "an alert is about \(name), which nobody measures")
    }
    try scrape(server, tools)
    #expect(server.end(SIGTERM) == 0)
  }

  private func scrape(_ server: Served, _ tools: String) throws {
    let shipped = try String(contentsOf: Program.root.appending(path: "config/prometheus/scrape.yml"), encoding: .utf8)
    let alerts = Program.root.appending(path: "config/prometheus/alerts.yml").path
    let configuration = scratch.write(
      "scrape.yml",
      shipped.replacing("127.0.0.1:8080", with: "127.0.0.1:\(server.port)").replacing(": 15s", with: ": 1s")
        .replacing("- alerts.yml", with: "- \(alerts)"))
    let own = Scratch()
    let prometheus = PrometheusTests.start(
      "\(tools)/prometheus",
      [
        "--config.file", configuration, "--storage.tsdb.path", scratch.path("tsdb"), "--web.listen-address",
        "127.0.0.1:0",
      ], own)
    defer {
      if prometheus.isRunning {
        kill(prometheus.processIdentifier, SIGKILL)
        prometheus.waitUntilExit()
      }
    }
    var url = ""
    eventually("Prometheus says where it listens") {
      let line = own.text("err").matches(of: /msg="Listening on" address=(\S+)/).last
      url = line.map { "http://\($0.1)" } ?? ""
      return !url.isEmpty || !prometheus.isRunning
    }
    func ask(_ path: String) -> [String: Any] { Served.ask("GET", url + path).json["data"] as? [String: Any] ?? [:] }
    func value(_ expression: String) -> Double? {
      let escaped = expression.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
      let result = ask("/api/v1/query?query=\(escaped)")["result"] as? [[String: Any]]
      return (result?.first?["value"] as? [Any])?.last.flatMap { Double("\($0)") }
    }
    eventually("it has scraped: \(own.text("err").suffix(500))") { value("sum(millrace_records_read_total)") == 5_001 }
    let targets = ask("/api/v1/targets")["activeTargets"] as? [[String: Any]] ?? []
    #expect(targets.count == 1 && targets.allSatisfy { $0["health"] as? String == "up" }, "\(targets)")
    #expect(value("millrace_collected_events_total") == 1)
    #expect(value(#"millrace_http_responses_total{lane="collecting",code="400"}"#) == 1)
    #expect(value("millrace_collect_event_age_seconds_count") == 1)
    eventually("the rules were evaluated") {
      let groups = ask("/api/v1/rules")["groups"] as? [[String: Any]] ?? []
      let rules = groups.flatMap { $0["rules"] as? [[String: Any]] ?? [] }
      return rules.count > 10 && rules.allSatisfy { $0["health"] as? String == "ok" }
    }
    kill(prometheus.processIdentifier, SIGTERM)
    prometheus.waitUntilExit()
  }
}
