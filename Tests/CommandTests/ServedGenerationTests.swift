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
    let plan = Program.run("plan", edited, "--server", server.url)
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
  }
}
