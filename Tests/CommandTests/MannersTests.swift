import Foundation
import Testing

/// Goal: the command line does what a person or a script expects of it. Method: the shipped program, its exit codes and what it
/// prints where.
@Suite struct MannersTests {
  private let scratch = Scratch()
  private var data: String { scratch.path("data") }

  static let verbs = [
    "demo", "serve", "run", "import", "validate", "status", "query", "funnel", "export", "quarantine", "log",
    "generate", "bench", "keys", "doctor", "plan", "deploy", "replay", "diff", "promote", "rollback", "drop", "verify",
    "checkpoint", "dashboards", "user",
  ]

  private func small() -> String {
    let file = Made.events(scratch, "a.ndjson", count: 2_000, ["--hostile", "0.01"])
    #expect(Program.run("import", file, "--data", data).code == 0)
    #expect(Program.run("run", Made.topology, "--data", data).code == 0)
    return file
  }

  @Test(arguments: verbs) func everyVerbExplainsItself(verb: String) {
    for arguments in [[verb, "--help"], [verb, "-h"], ["help", verb]] {
      let help = Program.run(arguments)
      #expect(help.code == 0)
      #expect(help.errors.isEmpty)
      #expect(help.output.contains("Example") && help.output.contains("  millrace \(verb)"), "\(help.output)")
      #expect(help.output.split(separator: "\n").allSatisfy { $0.count <= 130 }, "\(help.output)")
    }
    #expect(Program.run("--help").output.contains("  \(verb) "))
  }

  @Test func versionAndNothing() {
    let version = Program.run("--version")
    #expect(version.code == 0 && version.output.hasPrefix("millrace "))
    let nothing = Program.run([])
    #expect(nothing.code == 1 && nothing.output.isEmpty && nothing.errors.contains("Verbs"))
  }

  @Test(arguments: [
    ("qury", "query"), ("run --imput x", "input"), ("query --metrc x", "metric"), ("vlidate", "validate"),
    ("export traffic --frmat csv", "format"), ("validate topologies/web.yml", ""), ("log cats --data x", ""),
    ("query --granularity", ""), ("export traffic extra", ""), ("run --json=yes", ""), ("run", ""), ("import", ""),
    ("generate --duplicates 2", ""), ("run topologies/web.yaml --threads 0", ""), ("query --granularity second", ""),
    ("run topologies/web.yaml --memory lots", ""), ("status --server nowhere", ""), ("serve --listen 127.0.0.1", ""),
    ("quarantine lst", ""), ("run topologies/web.yaml --commit-every 5", ""), ("log stats --config nofile.yaml", ""),
  ])
  func whatIsWrongIsSaidOnce(_ words: String, _ meant: String) {
    let result = Program.run(words.split(separator: " ").map(String.init))
    #expect(result.code == 1, "\(result.errors)")
    #expect(result.output.isEmpty)
    #expect(!result.errors.isEmpty)
    if !meant.isEmpty { #expect(result.errors.contains("did you mean '") && result.errors.contains(meant)) }
  }

  @Test func missingFilesAreTheCallersFault() {
    for arguments in [
      ["run", "nowhere.yaml", "--data", data], ["run", Made.topology, "--input", "nowhere.ndjson", "--data", data],
      ["import", "nowhere.ndjson", "--data", data], ["serve", "nowhere.yaml", "--data", data],
      ["query", "traffic", "--metric", "events", "--data", scratch.path("nowhere")],
      ["run", Made.topology, "--data", scratch.path("empty")],
    ] {
      let result = Program.run(arguments)
      #expect(result.code == 1, "\(arguments): \(result.errors)")
    }
    // A mistyped name has not made a topology that only knows that name.
    let file = scratch.write(
      "right.ndjson",
      "{\"event_id\":\"1\",\"event_type\":\"view\",\"user_id\":\"1\",\"timestamp\":\"2026-03-01T10:00:00Z\"}\n")
    let right = Program.run("run", Made.topology, "--input", file, "--data", data)
    #expect(right.code == 0, "\(right.errors)")
  }

  @Test func jsonIsOneLine() {
    let file = small()
    let place = ["--data", data, "--json"]
    for arguments in [
      ["run", Made.topology], ["import", file], ["status"], ["quarantine", "list"], ["log", "stats"],
      ["query", "traffic", "--metric", "events", "--granularity", "day"], ["funnel", "checkout"],
      ["generate", "--events", "10", "--log"],
    ] {
      let result = Program.run(arguments + place)
      #expect(result.code == 0, "\(arguments): \(result.errors)")
      #expect(!result.json.isEmpty, "\(arguments)")
      #expect(result.output.hasSuffix("\n"))
    }
    #expect(!Program.run("validate", Made.topology, "--json").json.isEmpty)
    let broken = Program.run("validate", file, "--json")
    #expect(broken.code == 1 && broken.json["valid"] as? Bool == false)
  }

  @Test func optionsStandWhereTheyLike() {
    _ = small()
    let options = ["--metric", "events", "--granularity", "day", "--data", data, "--json"]
    let before = Program.run(["query"] + options + ["traffic"])
    let after = Program.run(["query", "traffic"] + options)
    let equals = Program.run(
      "query", "--metric=events", "traffic", "--granularity=day", "--data=\(data)", "--json")
    #expect(before.code == 0 && before.json.count == after.json.count)
    #expect(Made.timeless(before.json) == Made.timeless(after.json))
    #expect(Made.timeless(equals.json) == Made.timeless(after.json))
    let files = Program.run("run", "--input", scratch.path("a.ndjson"), "--data", scratch.path("b"), Made.topology)
    #expect(files.code == 0, "\(files.errors)")
  }

  @Test func validateSaysEverythingAtOnce() {
    let file = scratch.write(
      "bad.yaml",
      """
      topology: bad
      sorce: { topic: events }
      views:
        activity:
          rollup:
            of: sessions
            by: [event_type, event_type]
            measures: { events: cout, low: min(duration) }
            grains: { minute: 5 }
        other: { rollup: { of: event, measures: { events: count }, grains: { day: 1y } } }
        path:
          funnel: { steps: [one], within: 24 }
      """)
    let result = Program.run("validate", Made.topology, file, "topologies/shop.yaml")
    #expect(result.code == 1)
    #expect(result.output.contains("topologies/web.yaml") && result.output.contains("topologies/shop.yaml"))
    let lines = result.errors.split(separator: "\n")
    #expect(lines.count >= 7, "\(result.errors)")
    for line in lines {
      let parts = line.split(separator: ":")
      #expect(String(parts[0]) == file && Int(parts[1]) != nil && Int(parts[2]) != nil, "\(line)")
    }
    #expect(result.errors.contains("bad.yaml:2:1:") && result.errors.contains("did you mean 'source'"))
    #expect(Program.run("run", file, "--data", data).code == 1)
    #expect(!FileManager.default.fileExists(atPath: data), "nothing was made for a topology that is none")
  }

  @Test func theEnvironmentWinsOverTheFile() {
    _ = small()
    let configuration = Made.configuration(scratch, data: scratch.path("elsewhere"))
    let arguments = ["query", "traffic", "--metric", "events", "--granularity", "day", "--json"]
    #expect(Program.run(arguments + ["--config", configuration]).code == 1)
    let variable = Program.run(arguments + ["--config", configuration], environment: ["MILLRACE_DATA": data])
    #expect(variable.code == 0, "\(variable.errors)")
    let option = Program.run(
      arguments + ["--data", data], environment: ["MILLRACE_DATA": scratch.path("elsewhere")])
    #expect(option.code == 0, "the command line wins over both: \(option.errors)")
    let partitions = Program.run(
      ["generate", "--events", "100", "--log", "--config", configuration, "--json"],
      environment: ["MILLRACE_LOG_EMBEDDED_PARTITIONS": "6"])
    #expect(partitions.code == 0, "\(partitions.errors)")
    let stats = Program.run("log", "stats", "--config", configuration, "--json").json
    #expect((stats["partitions"] as? [Any])?.count == 6)
    let unknown = Program.run(arguments + ["--data", data], environment: ["MILLRACE_MEMROY": "1GiB"])
    #expect(unknown.code == 0)
    #expect(unknown.errors.contains("MILLRACE_MEMROY") && unknown.errors.contains("'MILLRACE_MEMORY'"))
    let bad = Program.run(arguments + ["--data", data], environment: ["MILLRACE_MEMORY": "lots"])
    #expect(bad.code == 1)
    #expect(bad.errors.contains("MILLRACE_MEMORY"), "\(bad.errors)")
  }

  @Test func unknownKeysOfTheConfigurationAreErrors() {
    let file = scratch.write("c.yaml", "data: \(data)\nlog:\n  embeded: { partitions: 2 }\nmemory: 1\n")
    let result = Program.run("status", "--config", file)
    #expect(result.code == 1)
    #expect(result.errors.contains("c.yaml:3:3:") && result.errors.contains("'embedded'"), "\(result.errors)")
    #expect(result.errors.contains("c.yaml:4:"), "all at once: \(result.errors)")
  }

  @Test func aReaderThatLeavesEndsItQuietly() {
    _ = small()
    let program = Program.binary.path
    for command in [
      "export traffic --grain minute --data \(data)", "log cat --data \(data)", "generate --events 100000",
      "quarantine list --data \(data)", "status --data \(data)", "--help",
    ] {
      let shown = shellOutput(
        "{ { \(program) \(command); echo \"code $?\" >&3; } | head -n 1 > /dev/null; } 3>&1 2> \(scratch.path("err"))")
      #expect(shown == "code 0", "\(command): \(shown)")
      #expect(scratch.text("err").isEmpty, "\(command): \(scratch.text("err"))")
    }
  }

  @Test func aRunThatIsInterruptedCommitsAndSaysSo() {
    let file = Made.events(scratch, "long.ndjson", count: 150_000)
    let arguments = ["run", Made.topology, "--input", file, "--data", data, "--json", "--threads", "1"]
    let state = scratch.path("data/topologies/web/gen-1/p-003/state/CURRENT")
    var wasInterrupted = false
    for round in 1...10 where !wasInterrupted {
      try? FileManager.default.removeItem(atPath: data)
      let process = Program.start(
        arguments + ["--batch-records", "100"], output: scratch.file("out"), errors: scratch.file("err"))
      eventually("the run has begun") {
        !process.isRunning || FileManager.default.fileExists(atPath: state)
      }
      // Somewhere in its work, later each time.
      usleep(UInt32(round * 30_000))
      process.terminate()
      process.waitUntilExit()
      #expect(process.terminationReason == .exit || process.terminationStatus == SIGTERM)
      wasInterrupted = process.terminationReason == .exit && process.terminationStatus == 2
    }
    #expect(wasInterrupted)
    #expect(scratch.text("err").contains("goes on from here"))
    let result = Program.run(arguments)
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.json["read"] as? Int == 150_000)
  }
}
