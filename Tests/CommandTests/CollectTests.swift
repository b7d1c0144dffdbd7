import CRdKafka
import Foundation
import Seeded
import Testing

/// Goal: every event that was answered 200 is in the log, and counts once, whatever becomes of the server. Method: the shipped
/// generator sends to the shipped server, which is killed with SIGKILL and started again; then the log and the views are read.
/// `scripts/soak-collector` is the long form.
@Suite struct CollectTests {
  private let scratch = Scratch()
  private var data: String { scratch.path("data") }

  private func generator(_ url: String, _ options: [String]) -> Process {
    Program.start(
      ["generate", "--http", url, "--acknowledged", scratch.path("acknowledged"), "--patience", "120s", "--json"]
        + options,
      output: scratch.file("sent"), errors: scratch.file("sent.err"))
  }

  /// What the generator says at its end.
  private func outcome(_ generator: Process) throws -> [String: Any] {
    generator.waitUntilExit()
    #expect(generator.terminationStatus == 0, "\(scratch.text("sent.err"))")
    let text = scratch.text("sent")
    return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
  }

  /// The ids in the log, one for each record.
  private func logged() -> [String] {
    let log = Program.run("log", "cat", "--data", data)
    #expect(log.code == 0, "\(log.errors)")
    return log.output.split(separator: "\n").map { line in
      String(line.dropFirst(#"{"event_id":""#.count).prefix { $0 != "\"" })
    }
  }

  private func acknowledged() -> [String] { scratch.text("acknowledged").split(separator: "\n").map(String.init) }

  /// All that was acknowledged is in the log, and all that is in the log counts once.
  private func expectAll() {
    let (logged, acknowledged) = (logged(), acknowledged())
    let missing = Set(acknowledged).subtracting(logged)
    #expect(missing.count == 0, "\(missing.count) acknowledged events are not in the log, such as \(missing.prefix(3))")
    let counted = total(export("traffic", grain: "day", data: data), "events")
    #expect(counted == Set(logged).count, "of \(logged.count) records")
  }

  @Test func whatIsAcknowledgedSurvivesKills() throws {
    var random = SeededRandom(seed: 11)
    var server = Served([Made.topology, "--data", data])
    let port = server.port
    let generator = generator(server.url, ["--events", "24000", "--rate", "6000", "--batch", "200"])
    for _ in 0..<3 {
      usleep(UInt32(200_000 + random.below(800_000)))
      server.end(SIGKILL)
      server = Served([Made.topology, "--data", data], port: port)
    }
    let outcome = try outcome(generator)
    #expect(outcome["acknowledged"] as? Int == 24_000 && outcome["failed"] as? Int == 0, "\(outcome)")
    #expect(acknowledged().count == 24_000)
    server.waitUntilReady()
    #expect(server.end(SIGTERM) == 0)
    // Brings to numbers what a server that was ended early had not yet read.
    #expect(Program.run("run", Made.topology, "--data", data).code == 0)
    expectAll()
  }

  @Test func moreThanItTakesIsSentAgain() throws {
    let configuration = scratch.write("one.yaml", "data: \(data)\ncollect: { in_flight: 1MiB }\n")
    let server = Served([Made.topology, "--config", configuration])
    let generator = generator(server.url, ["--events", "60000", "--connections", "24", "--prepared"])
    let outcome = try outcome(generator)
    #expect(outcome["acknowledged"] as? Int == 60_000 && outcome["failed"] as? Int == 0, "\(outcome)")
    #expect((outcome["answers_429"] as? Int ?? 0) > 0 && outcome["answers_503"] as? Int == 0, "\(outcome)")
    let metrics = server.get("/metrics").body
    #expect(metrics.contains("\nmillrace_collect_in_flight_bytes 0\n"))
    #expect(metrics.contains("\nmillrace_collected_events_total 60000\n"))
    #expect(server.end(SIGTERM) == 0)
    #expect(Program.run("run", Made.topology, "--data", data).code == 0)
    expectAll()
  }

  @Test func keysAreMadeShownOnceAndRevoked() throws {
    let made = Program.run("keys", "create", "--role", "admin", "--name", "me", "--data", data, "--json").json
    let (id, key) = (made["id"] as? String ?? "", made["key"] as? String ?? "")
    #expect(key.hasPrefix("mr_admin_\(id)_"))
    let server = Served([Made.topology, "--data", data])
    #expect(server.get("/topologies").status == 401 && server.get("/healthz").status == 200)
    let environment = ["MILLRACE_KEY": key]
    #expect(Program.run(["status", "--server", server.url], environment: environment).code == 0)
    #expect(Program.run(["status", "--server", server.url]).code != 0)
    let sent = Program.run(
      ["generate", "--events", "500", "--http", server.url, "--json"], environment: environment)
    #expect(sent.json["acknowledged"] as? Int == 500 && sent.errors.isEmpty, "\(sent.errors)")
    let list = Program.run("keys", "list", "--data", data)
    #expect(list.output.contains(id) && !list.output.contains(key))
    #expect(Program.run("keys", "revoke", "nothing", "--data", data).code == 1)
    #expect(Program.run("keys", "revoke", id, "--data", data).code == 0)
    eventually("the server has heard of it") {
      Program.run(["status", "--server", server.url], environment: environment).code != 0
    }
    #expect(server.end(SIGTERM) == 0)
    let everything = try FileManager.default.contentsOfDirectory(atPath: data).filter { $0.hasPrefix("keys") }
    for file in everything {
      #expect(try !String(contentsOfFile: "\(data)/\(file)", encoding: .utf8).contains(key), "\(file)")
    }
    #expect(!server.errors.contains(key))
  }

  @Test func certificatesAreRenewedWithoutAStop() throws {
    func run(_ words: [String]) -> Program.Result {
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = words
      for name in ["tool.out", "tool.err"] { try! Data().write(to: scratch.file(name)) }
      process.standardOutput = try! FileHandle(forWritingTo: scratch.file("tool.out"))
      process.standardError = try! FileHandle(forWritingTo: scratch.file("tool.err"))
      try! process.run()
      process.waitUntilExit()
      return Program.Result(
        code: process.terminationStatus, output: scratch.text("tool.out"), errors: scratch.text("tool.err"))
    }
    for name in ["one", "two"] {
      let made = run([
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
        "subjectAltName=DNS:localhost", "-keyout", scratch.path("\(name).key"), "-out", scratch.path("\(name).pem"),
      ])
      try #require(made.code == 0, "\(made.errors)")
    }
    func install(_ name: String) throws {
      for kind in ["pem", "key"] {
        try Data(contentsOf: scratch.file("\(name).\(kind)")).write(to: scratch.file("served.\(kind)"))
      }
    }
    try install("one")
    let configuration = scratch.write(
      "tls.yaml",
      "data: \(data)\ntls: { certificate: \(scratch.path("served.pem")), key: \(scratch.path("served.key")) }\n")
    let server = Served([Made.topology, "--config", configuration])
    #expect(server.url.hasPrefix("https://"))
    func alive(_ name: String) -> Bool {
      let asked = run([
        "curl", "--silent", "--max-time", "30", "--cacert", scratch.path("\(name).pem"),
        "https://localhost:\(server.port)/healthz",
      ])
      return asked.output.contains("alive")
    }
    #expect(alive("one") && !alive("two"))
    // The commands trust whom they are told to.
    func listed(_ trusted: String) -> Program.Result {
      let server = "https://localhost:\(server.port)"
      let environment = ["SSL_CERT_FILE": scratch.path("\(trusted).pem")]
      return Program.run(["dashboards", "list", "--server", server], environment: environment)
    }
    #expect(listed("one").code == 0, "\(listed("one").errors)")
    #expect(listed("two").code != 0 && listed("two").errors.contains("certificate"), "\(listed("two").errors)")
    try install("two")
    kill(server.process.processIdentifier, SIGHUP)
    eventually("new connections have the new certificate") { alive("two") && !alive("one") }
    scratch.write("served.pem", "nonsense")
    kill(server.process.processIdentifier, SIGHUP)
    eventually("what is wrong is said") { server.errors.contains("the former certificate still counts") }
    #expect(alive("two"))
    try install("one")
    kill(server.process.processIdentifier, SIGHUP)
    eventually("and again") { alive("one") && !alive("two") }
    #expect(server.end(SIGTERM) == 0)
  }

  @Test func otherMachinesNeedKeys() {
    let open = ["serve", Made.topology, "--data", data, "--listen", "0.0.0.0:0"]
    let refused = Program.run(open)
    #expect(refused.code == 1 && refused.errors.contains("millrace keys create"), "\(refused.errors)")
    #expect(Program.run("keys", "create", "--role", "read", "--data", data).code == 0)
    let process = Program.start(open, output: scratch.file("o"), errors: scratch.file("e"))
    eventually("it listens") { scratch.text("e").contains("serving") || !process.isRunning }
    #expect(process.isRunning, "\(scratch.text("e"))")
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
  }

  @Test func collectorsNeedNoTopology() throws {
    let server = Served(["--collect-only", "--data", data])
    let sent = try outcome(generator(server.url, ["--events", "5000"]))
    #expect(sent["acknowledged"] as? Int == 5_000)
    #expect(server.end(SIGTERM) == 0)
    #expect(Program.run("run", Made.topology, "--data", data).code == 0)
    expectAll()
  }

  /// The mock stamps nothing, so the producer's time is trusted.
  @Test func kafkaHasWhatIsAcknowledged() throws {
    let brokers = Brokers()
    brokers.create("events")
    let configuration = scratch.write(
      "kafka.yaml", "data: \(data)\nlog: { kafka: { brokers: \"\(brokers.brokers)\" } }\n")
    let server = Served(["--collect-only", "--config", configuration])
    let sent = try outcome(generator(server.url, ["--events", "2000", "--batch", "100", "--duplicates", "0"]))
    #expect(sent["acknowledged"] as? Int == 2_000, "\(sent)")
    let written = brokers.written("events", partitions: 3)
    #expect(written.count == 2_000)
    rd_kafka_mock_broker_set_down(brokers.mock, -1)
    eventually("it is known that nobody is there") {
      Served.ask(
        "POST", server.url + "/events/batch",
        body: Data(#"{"events":[{"event_id":"a","event_type":"t","user_id":"u","timestamp":1}]}"#.utf8)
      ).status == 503
    }
    #expect(server.end(SIGTERM) == 0)
  }
}
