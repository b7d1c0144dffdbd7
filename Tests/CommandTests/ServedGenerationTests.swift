import Foundation
import Seeded
import Synchronization
import Testing

/// Goal: what the commands do to a running server holds whatever kills it, and no query notices. Method: the shipped program
/// serving a log, asked over HTTP, killed at random moments and started again; its numbers are compared with those of
/// generations that were built in the foreground.
@Suite struct ServedGenerationTests {
  private let scratch = Scratch()
  private var data: String { scratch.path("data") }
  private static let path = "/query?view=visits&metric=sessions&granularity=day&limit=100000"

  private func importing(_ count: Int) {
    let imported = Program.run("import", Made.events(scratch, "e.ndjson", count: count), "--data", data)
    #expect(imported.code == 0, "\(imported.errors)")
  }

  /// `web.yaml` with a shorter gap: other sessions, so other numbers.
  private func edited() throws -> String {
    let text = try String(contentsOf: Program.root.appending(path: Made.topology), encoding: .utf8)
    #expect(text.contains("gap: 30m "))
    return scratch.write("edited.yaml", text.replacing("gap: 30m ", with: "gap: 20m "))
  }

  /// The sessions of each definition, as a bounded run of it counts them.
  private func expected(_ edited: String) -> [Int: [String: Int]] {
    var expected: [Int: [String: Int]] = [:]
    for (number, file) in [(1, Made.topology), (2, edited)] {
      let copy = scratch.path("bounded-\(number)")
      #expect(shell("mkdir -p \(copy) && cp -r \(data)/log \(copy)/log") == 0)
      #expect(Program.run("run", file, "--data", copy).code == 0)
      let answer = Program.run(
        "query", "visits", "--metric", "sessions", "--granularity", "day", "--limit", "100000", "--data", copy, "--json"
      )
      expected[number] = Self.rows(answer.json)
    }
    #expect(expected[1] != expected[2])
    return expected
  }

  private static func rows(_ answer: [String: Any]) -> [String: Int] {
    var rows: [String: Int] = [:]
    for row in answer["data"] as? [[String: Any]] ?? [] {
      rows[row["timestamp"] as? String ?? ""] = row["value"] as? Int
    }
    return rows
  }

  @Test func queriesInAStormWhilePromotedAndRolledBack() throws {
    importing(20_000)
    let edited = try edited()
    let expected = expected(edited)
    let server = Served([Made.topology, "--data", data])
    server.waitUntilReady()
    let plan = Program.run("plan", edited, "--server", server.url, "--json")
    #expect(plan.json["next"] as? Int == 2, "\(plan.errors)")
    let deployed = Program.run("deploy", edited, "--server", server.url)
    #expect(deployed.code == 0 && deployed.output.contains("is caught up"), "\(deployed.errors)")
    #expect(Program.run("diff", "web", "--server", server.url).code == 1, "sessions differ")

    let isOver = Mutex(false)
    let wrong = Mutex<[String]>([])
    let seen = Mutex<Set<Int>>([])
    let threads = DispatchGroup()
    let url = server.url + Self.path
    for _ in 0..<4 {
      DispatchQueue.global().async(group: threads) {
        while !isOver.withLock({ $0 }) {
          let answer = Served.ask("GET", url)
          let number = answer.json["generation"] as? Int ?? 0
          _ = seen.withLock { $0.insert(number) }
          if answer.status != 200 || Self.rows(answer.json) != expected[number] {
            wrong.withLock { $0.append("\(answer.status) \(answer.body.prefix(300))") }
          }
        }
      }
    }
    func seesNext(_ number: Int) {
      seen.withLock { $0 = [] }
      eventually("a query reads generation \(number)") { seen.withLock { $0.contains(number) } }
    }
    for _ in 0..<5 {
      let promoted = Program.run("promote", "web", "2", "--server", server.url)
      #expect(promoted.code == 0, "\(promoted.errors)")
      seesNext(2)
      let back = Program.run("rollback", "web", "--server", server.url)
      #expect(back.code == 0, "\(back.errors)")
      seesNext(1)
    }
    isOver.withLock { $0 = true }
    threads.wait()
    #expect(wrong.withLock { $0 } == [])
    #expect(Program.run("drop", "web", "2", "--server", server.url, "--json").json["dropped"] as? Int == 2)
    #expect(Program.run("drop", "web", "2", "--server", server.url).code == 1)
    #expect(server.end(SIGTERM) == 0, "\(server.errors)")
  }

  /// Killed while it builds, and around the moment it serves what was built.
  @Test func killedWhileItBuildsAndPromotes() throws {
    importing(60_000)
    let edited = try edited()
    let expected = expected(edited)
    var random = SeededRandom(seed: 23)
    var isBegun = false
    for round in 0..<12 {
      let server = Served([Made.topology, "--data", data])
      server.waitUntilReady()
      if !isBegun {
        let begun = Served.ask(
          "POST", server.url + "/topologies/web/generations?promote_when_caught_up=true&max_share=100",
          body: try Data(contentsOf: URL(fileURLWithPath: edited)))
        #expect(begun.status == 202, "\(begun.body)")
        isBegun = true
      }
      let until = Date(timeIntervalSinceNow: Double(random.below(700)) / 1_000)
      while Date() < until {
        let answer = server.get(Self.path).json
        let number = answer["generation"] as? Int ?? 0
        #expect(Self.rows(answer) == expected[number], "round \(round), generation \(number)")
      }
      server.end(SIGKILL)
    }
    let server = Served([edited, "--data", data])
    server.waitUntilReady()
    eventually("what was asked for is served: \(server.errors)") {
      server.get(Self.path).json["generation"] as? Int == 2
    }
    #expect(Self.rows(server.get(Self.path).json) == expected[2])
    #expect(Program.run("rollback", "web", "--server", server.url).code == 0)
    #expect(Self.rows(server.get(Self.path).json) == expected[1])
    #expect(server.end(SIGTERM) == 0, "\(server.errors)")
    let status = Program.run("status", "--data", data, "--json").json
    let generations = (status["topologies"] as? [[String: Any]])?.first?["generations"] as? [[String: Any]] ?? []
    #expect(generations.map { $0["generation"] as? Int } == [1, 2], "no generation was begun twice")
    // Nobody keeps up to date what was rolled back, so it is opened to be compared.
    let again = Served([Made.topology, "--data", data])
    again.waitUntilReady()
    let diff = Program.run("diff", "web", "1", "2", "--server", again.url)
    #expect(diff.code == 1, "\(diff.errors)")
    #expect(again.end(SIGTERM) == 0, "\(again.errors)")
  }

  /// What a server says looks as what a command finds by itself, to the letter.
  @Test func itLooksAsInTheForeground() throws {
    importing(5_000)
    let edited = try edited()
    let server = Served([Made.topology, "--data", data])
    server.waitUntilReady()
    func asked(_ arguments: String..., code: Int32 = 0) -> Program.Result {
      let result = Program.run(arguments + ["--server", server.url])
      #expect(result.code == code, "\(arguments): \(result.errors)")
      return result
    }
    let plan = asked("plan", edited).output
    #expect(plan.contains("sessions.gap: 30m -> 20m") && plan.contains("~ visits  changed"), "\(plan)")
    #expect(asked("deploy", edited).output.contains("generation 2 of 'web' is caught up"))
    let paused = asked("replay", "pause", "web").output
    #expect(paused.contains("generation 2 of 'web' is paused") && paused.contains("replay resume web-2"), "\(paused)")
    #expect(asked("status").output.contains("web-2  paused"))
    #expect(asked("replay", "resume", "web-2", "--json").json["generation"] as? Int == 2)
    eventually("it goes on") { server.get("/replays/web-2").json["state"] as? String == "caught_up" }
    #expect(asked("replay", "pause", "wbe", code: 1).errors.contains("there is no replay 'wbe'"))
    #expect(asked("replay", "puase", "web", code: 1).errors.contains("did you mean 'pause'?"))
    #expect(Program.run("replay", "pause", "web", "--data", data).errors.contains("--server URL"))
    let diff = asked("diff", "web", code: 1).output
    #expect(diff.contains("largest differences") && diff.contains("generation 2"), "\(diff)")
    let verified = asked("verify", "web").output
    #expect(asked("checkpoint", "create", "web").output.contains("made checkpoint 1 of generation 1"))
    let exported = scratch.path("exported")
    #expect(asked("checkpoint", "export", "web", exported).code == 0)
    let list = asked("checkpoint", "list", "web").output
    #expect(asked("checkpoint", "restore", "web", code: 1).errors.contains("Stop it"))
    #expect(asked("checkpoint", "import", exported, code: 1).errors.contains("Stop it"))
    #expect(asked("verify", "web", "--threads", "2", code: 2).errors.contains("--threads"))
    let partitions = asked("status").output
    #expect(server.end(SIGTERM) == 0, "\(server.errors)")

    let alone = { (words: [String]) in Program.run(words + ["--data", data]).output }
    #expect(alone(["diff", "web"]) == diff)
    #expect(alone(["verify", "web"]) == verified)
    #expect(alone(["checkpoint", "list", "web"]) == list)
    // Who does not read the log does not know how far behind it is.
    #expect(alone(["status"]).split(separator: "\n")[1].contains("offset") && partitions.contains("lag"))
    #expect(Program.run("replay", "cancel", "web-2", "--server", server.url).code == 2, "nobody answers any more")
    #expect(alone(["drop", "web", "2"]).contains("is gone"))
    // What was measured meanwhile is all that a plan says beyond that.
    let told = { (text: String) in text.split(separator: "\n").filter { !$0.contains("stimate") } }
    #expect(told(alone(["plan", edited]).replacing("generation 3", with: "generation 2")) == told(plan))
    #expect(Program.run("checkpoint", "import", exported, "--data", data).code == 0)
  }

  /// The short form of `scripts/prove-replay`: built, exchanged and compared while events go on arriving.
  @Test func deployedWhileEventsArrive() throws {
    let edited = try edited()
    let process = Program.start(
      ["demo", "--events", "20000", "--rate", "2000", "--data", data, "--listen", "127.0.0.1:0"],
      output: scratch.file("out"), errors: scratch.file("err"))
    defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
    var url = ""
    eventually("it says where it answers: \(scratch.text("err"))") {
      let line = scratch.text("out").split(separator: "\n").first { $0.hasPrefix("serving on http://") }
      url = line.map { "http://" + $0.split(separator: "http://").last!.split(separator: " ")[0] } ?? ""
      return scratch.text("out").contains("go on arriving")
    }
    let read = {
      let topologies = Served.ask("GET", url + "/topologies").json["topologies"] as? [[String: Any]] ?? []
      let partitions = topologies.first?["partitions"] as? [[String: Any]] ?? []
      return partitions.reduce(0) { $0 + ($1["read"] as? Int ?? 0) }
    }
    #expect(Program.run("deploy", edited, "--server", url).code == 0)
    let diff = Program.run("diff", "web", "--server", url, "--json")
    #expect(diff.code == 1, "\(diff.errors)")
    #expect((diff.json["offsets"] as? [Int])?.reduce(0, +) ?? 0 >= 20_000)
    #expect(Program.run("promote", "web", "--server", url).code == 0)
    let before = read()
    eventually("events go on arriving") { read() > before }
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(scratch.text("err"))")
    #expect(scratch.text("out").contains("events have arrived meanwhile"))

    // Both were kept up to date to the last event, and are what a run of their definitions counts.
    for (words, file) in [([], edited), (["rollback", "web"], Made.topology)] {
      if !words.isEmpty { #expect(Program.run(words + ["--data", data]).code == 0) }
      let copy = scratch.path("alone-\(words.count)")
      #expect(shell("mkdir -p \(copy) && cp -r \(data)/log \(copy)/log") == 0)
      #expect(Program.run("run", file, "--data", copy).code == 0)
      var served = Made.numbers(data)
      served["checkout"] = served["checkout"]?.replacing("\"generation\":2", with: "\"generation\":1")
      Made.expectEqual(served, Made.numbers(copy), file)
    }
    #expect(Program.run("verify", "web", "--data", data).code == 0)
  }
}
