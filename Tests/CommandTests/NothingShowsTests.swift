import Foundation
import Testing

/// Goal: how the work is divided, in batches, commits, threads, partitions and memory, shows in no number. Method: one file with
/// duplicates, disorder and hostile lines; every export of every shape, byte for byte, against the first.
@Suite struct NothingShowsTests {
  private let scratch = Scratch()

  private static let shapes: [[String]] = [
    ["--threads", "2", "--partitions", "1"],
    ["--threads", "1", "--partitions", "2", "--batch-records", "1", "--commit-every", "1s"],
    ["--threads", "2", "--partitions", "7", "--batch-records", "1000", "--commit-every", "20ms"],
    ["--threads", "2", "--partitions", "7", "--memory", "64MiB", "--commit-every", "100ms"],
    ["--threads", "2", "--partitions", "2", "--batch-records", "1000"],
    ["--threads", "1", "--partitions", "1", "--memory", "64MiB", "--batch-records", "1000"],
  ]

  @Test func exportsAreTheSameBytes() {
    let file = Made.events(
      scratch, "a.ndjson", count: 25_000,
      ["--duplicates", "0.05", "--late", "0.1", "--very-late", "0.02", "--hostile", "0.02"])
    func run(_ name: String, _ shape: [String]) -> [String: Int] {
      let result = Program.run(
        ["run", Made.topology, "--input", file, "--data", scratch.path(name), "--json"] + shape)
      #expect(result.code == 0, "\(shape): \(result.errors)")
      return Made.ledger(result.json)
    }
    let ledger = run("first", [])
    #expect(ledger["read"] == 25_000)
    #expect((ledger["duplicates"] ?? 0) > 500 && (ledger["quarantined"] ?? 0) > 200)
    let numbers = Made.numbers(scratch.path("first"))
    #expect((numbers["traffic by minute"]?.count ?? 0) > 100_000)
    for (index, shape) in NothingShowsTests.shapes.enumerated() {
      #expect(run("\(index)", shape) == ledger, "\(shape)")
      Made.expectEqual(Made.numbers(scratch.path("\(index)")), numbers, "\(shape)")
    }
    // From the log, where stamps are: nothing of this file is late there either.
    for partitions in [1, 7] {
      let name = "log-\(partitions)"
      let configuration = Made.configuration(
        scratch, "\(name).yaml", data: scratch.path(name), partitions: partitions)
      #expect(Program.run("import", file, "--config", configuration).code == 0)
      let result = Program.run("run", Made.topology, "--config", configuration, "--json")
      #expect(Made.ledger(result.json) == ledger, "the log of \(partitions) partitions")
      Made.expectEqual(Made.numbers(scratch.path(name)), numbers, "the log of \(partitions) partitions")
    }
  }

  @Test func runKilledAtAnyMomentEndsTheSame() {
    let file = Made.events(scratch, "a.ndjson", count: 60_000, ["--hostile", "0.005"])
    let arguments = ["run", Made.topology, "--input", file, "--json", "--data"]
    let startedAt = Date()
    let whole = Program.run(arguments + [scratch.path("whole")])
    let seconds = Date().timeIntervalSince(startedAt)
    var killer = Killer(seed: 21)
    killer.killSome(
      10, within: seconds, arguments + [scratch.path("killed"), "--commit-every", "10ms", "--batch-records", "500"],
      writing: scratch.path("killed"), scratch)
    let last = Program.run(arguments + [scratch.path("killed")])
    #expect(last.code == 0, "\(last.errors)")
    #expect(Made.ledger(last.json) == Made.ledger(whole.json))
    let numbers = Made.numbers(scratch.path("whole"), isKilled: true)
    Made.expectEqual(Made.numbers(scratch.path("killed"), isKilled: true), numbers, "killed and whole")
  }

  /// Commits as large as a replay's, which are tables of their own.
  @Test func runKilledBetweenTablesEndsTheSame() throws {
    let file = Made.events(scratch, "a.ndjson", count: 120_000)
    let arguments = ["run", Made.topology, "--input", file, "--memory", "128MiB", "--json", "--data"]
    let startedAt = Date()
    let whole = Program.run(arguments + [scratch.path("whole")])
    let seconds = Date().timeIntervalSince(startedAt)
    let logs = shellOutput("find \(scratch.path("whole")) -path '*/state/*.log' -printf '%s '").split(separator: " ")
    #expect(logs.count == 4 && logs.contains("0"), "no commit was a table: \(logs)")
    var killer = Killer(seed: 22)
    killer.killSome(
      10, within: seconds, arguments + [scratch.path("killed")], writing: scratch.path("killed"), scratch)
    let last = Program.run(arguments + [scratch.path("killed")])
    #expect(last.code == 0, "\(last.errors)")
    #expect(Made.ledger(last.json) == Made.ledger(whole.json))
    let numbers = Made.numbers(scratch.path("whole"), isKilled: true)
    Made.expectEqual(Made.numbers(scratch.path("killed"), isKilled: true), numbers, "killed and whole")
    #expect(shellOutput("find \(scratch.path("killed")) -name commit.table") == "")
  }
}
