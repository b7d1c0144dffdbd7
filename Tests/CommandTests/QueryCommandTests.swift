import Foundation
import Testing

/// Goal: `millrace query` shows a person a table with bars, from data at rest and from a server alike, and a program plain rows.
/// Method: the program on a terminal that `script` makes.
@Suite struct QueryCommandTests {
  private let scratch = Scratch()
  private var data: String { scratch.path("data") }

  private func make() {
    let file = Made.events(scratch, "a.ndjson", count: 3_000)
    #expect(Program.run("import", file, "--data", data).code == 0)
    #expect(Program.run("run", Made.topology, "--data", data).code == 0)
  }

  /// What the program writes to a terminal, without colours and without the last line, which says how fresh it is.
  private func shown(_ arguments: [String]) throws -> [String] {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    let command = ([Program.binary.path] + arguments).map { "'\($0)'" }.joined(separator: " ")
    process.arguments = ["script", "--quiet", "--return", "--command", command, "/dev/null"]
    process.currentDirectoryURL = Program.root
    process.environment = Program.environment
    try Data().write(to: scratch.file("terminal"))
    process.standardOutput = try FileHandle(forWritingTo: scratch.file("terminal"))
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let text = scratch.text("terminal").replacing("\r\n", with: "\n").replacing(/\u{1b}\[[0-9]*m/, with: "")
    return text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("complete until ") }
  }

  @Test func aTerminalGetsBarsAndLines() throws {
    make()
    let query = [
      "query", "traffic", "--metric", "events", "--granularity", "day", "--group-by", "device.type", "--top", "1",
      "--other",
      "--start", "2026-03-01", "--end", "2026-03-08", "--compare-to", "previous_period",
    ]
    let plain = Program.run(query + ["--data", data])
    #expect(plain.code == 0 && !plain.output.contains("█"), "\(plain.errors)")
    let rest = try shown(query + ["--data", data])
    #expect(rest[0].split(separator: " ") == ["time", "device.type", "events", "before"])
    #expect(rest.filter { $0.contains("(other)") && $0.contains("█") }.count > 5)
    // A line of blocks for each group.
    let lines = rest.drop { !$0.hasPrefix("device.type") }
    #expect(lines.count == 3 && lines.allSatisfy { $0.hasPrefix("device") || $0.contains(/[▁▂▃▄▅▆▇█]{5}/) }, "\(lines)")
    let server = Served([Made.topology, "--data", data])
    server.waitUntilReady()
    #expect(try shown(query + ["--server", server.url]) == rest)
  }

  @Test func dataAtRestHavePagesToo() throws {
    make()
    let query = ["query", "traffic", "--metric", "events", "--granularity", "day", "--data", data, "--json"]
    let whole = Program.run(query).json["data"] as? [NSDictionary] ?? []
    var pages: [NSDictionary] = []
    var cursor: String?
    repeat {
      let answer = Program.run(query + ["--limit", "3"] + (cursor.map { ["--cursor", $0] } ?? [])).json
      pages += answer["data"] as? [NSDictionary] ?? []
      cursor = answer["next_cursor"] as? String
    } while cursor != nil
    #expect(pages == whole && whole.count > 6)
    let first = try #require(Program.run(query + ["--limit", "3"]).json["next_cursor"] as? String)
    let more = Made.events(scratch, "b.ndjson", count: 100, seed: 8, ["--end", "2026-03-09", "--days", "1"])
    #expect(Program.run("import", more, "--data", data).code == 0)
    #expect(Program.run("run", Made.topology, "--data", data).code == 0)
    let gone = Program.run(query + ["--limit", "3", "--cursor", first])
    #expect(gone.code == 1 && gone.errors.contains("ask anew"), "\(gone.errors)")
  }
}
