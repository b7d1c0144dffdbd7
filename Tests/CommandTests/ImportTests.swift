import Foundation
import Testing

/// Goal: history reaches the log once, whole and never late by the order of its files, however often the import dies.
/// Method: the shipped program on made-up files, killed with SIGKILL at moments of its work; the log is printed back.
@Suite struct ImportTests {
  private let scratch = Scratch()
  private var data: String { scratch.path("data") }

  private func importing(_ files: String..., options: [String] = []) -> Program.Result {
    Program.run(["import"] + files + ["--data", data, "--json"] + options)
  }

  private func run(_ data: String) -> Program.Result {
    Program.run("run", Made.topology, "--data", data, "--json")
  }

  private func records(_ data: String) -> Int {
    let partitions = Program.run("log", "stats", "--data", data, "--json").json["partitions"] as? [[String: Any]] ?? []
    return partitions.reduce(0) { $0 + ($1["end"] as? Int ?? 0) - ($1["start"] as? Int ?? 0) }
  }

  private func event(_ number: Int, day: Int) -> String {
    "{\"event_id\":\"e\(number)\",\"event_type\":\"view\",\"user_id\":\"u\(number % 50)\","
      + "\"timestamp\":\"2026-03-\(day < 10 ? "0" : "")\(day)T10:00:00Z\"}\n"
  }

  @Test func killedAtAnyMomentEveryRecordIsThereOnce() {
    let one = Made.events(scratch, "one.ndjson", count: 80_000, seed: 1, bytes: 1_000)
    let two = Made.events(scratch, "two.ndjson", count: 40_000, seed: 2, bytes: 1_000)
    let arguments = ["import", one, two, "--json", "--data"]
    let startedAt = Date()
    #expect(Program.run(arguments + [scratch.path("whole")]).code == 0)
    let seconds = Date().timeIntervalSince(startedAt)

    var killer = Killer(seed: 1)
    killer.killSome(8, within: seconds, arguments + [data], writing: data, scratch)
    let last = Program.run(arguments + [data])
    #expect(last.code == 0, "\(last.errors)")
    #expect(records(data) == 120_000)
    let sorted = "LC_ALL=C sort"
    #expect(shell("cat \(one) \(two) | \(sorted) > \(scratch.path("expected"))") == 0)
    #expect(
      shell("\(Program.binary.path) log cat --data \(data) | \(sorted) | cmp - \(scratch.path("expected"))") == 0,
      "the log is not what the files hold")

    let fromLog = run(data)
    #expect(fromLog.code == 0, "\(fromLog.errors)")
    let fromFiles = Program.run(
      "run", Made.topology, "--input", one, two, "--data", scratch.path("files"), "--json")
    #expect(fromLog.json["read"] as? Int == 120_000)
    #expect(Made.ledger(fromLog.json) == Made.ledger(fromFiles.json))
    Made.expectEqual(Made.numbers(data), Made.numbers(scratch.path("files")), "log and files")
  }

  @Test func aRecordOfTheFutureIsToldOfBecauseItMakesWhatIsLiveLate() {
    let past = scratch.write(
      "past.ndjson", event(1, day: 1).replacingOccurrences(of: "2026-03-01", with: "2020-03-01"))
    let first = importing(past)
    #expect(first.code == 0 && !first.errors.contains("ahead of this machine's clock"), "\(first.errors)")
    let future = scratch.write(
      "future.ndjson", event(2, day: 1).replacingOccurrences(of: "2026-03-01", with: "9998-03-01"))
    let second = importing(future)
    #expect(second.code == 0)
    #expect(second.errors.contains("is dated 9998-03-01T10:00:00Z, which is "), "\(second.errors)")
  }

  /// Killed between its two last steps, an import is done and still has its journal: that must not block the log.
  @Test func aJournalLeftByAFinishedImportIsNoObstacle() throws {
    let file = scratch.write("a.ndjson", (0..<100).map { event($0, day: 1) }.joined())
    let other = scratch.write("b.ndjson", (100..<120).map { event($0, day: 1) }.joined())
    #expect(importing(file).code == 0)
    // The journal as it was.
    let nanoseconds = shellOutput("stat -c %.9Y \(file)").replacing(".", with: "")
    let size = shellOutput("stat -c %s \(file)")
    try FileManager.default.createDirectory(
      atPath: scratch.path("data/log/events/events-imports"), withIntermediateDirectories: true)
    scratch.write(
      "data/log/events/events-imports/unfinished.json",
      "{\"ends\":[0,0,0,0],\"files\":[{\"bytes\":\(size),\"modified\":\(nanoseconds),\"path\":\"\(file)\"}],"
        + "\"lastStamps\":[\(Int64.min),\(Int64.min),\(Int64.min),\(Int64.min)]}\n")
    let again = importing(file)
    #expect(again.code == 0, "\(again.errors)")
    #expect(again.json["already_imported"] as? Bool == true)
    #expect(importing(other).code == 0, "another import goes on")
    #expect(records(data) == 120)
  }

  @Test func anUnfinishedImportIsFinishedFirst() {
    let one = Made.events(scratch, "one.ndjson", count: 60_000, bytes: 1_000)
    let other = scratch.write("other.ndjson", event(1, day: 9))
    var killer = Killer(seed: 3)
    for _ in 0..<20 where !FileManager.default.fileExists(atPath: journal) {
      try? FileManager.default.removeItem(atPath: data)
      killer.kill(1, within: 0.4, ["import", one, "--data", data], scratch)
    }
    #expect(FileManager.default.fileExists(atPath: journal), "the machine was too fast for the test to kill anything")
    let refused = importing(other)
    #expect(refused.code == 1)
    #expect(refused.errors.contains("one.ndjson"), "it names what to run again: \(refused.errors)")
    let generated = Program.run("generate", "--events", "10", "--log", "--data", data)
    #expect(generated.code == 1 && generated.errors.contains("one.ndjson"), "\(generated.errors)")
    #expect(importing(one).code == 0)
    #expect(importing(other).code == 0)
    #expect(records(data) == 60_001)
  }

  private var journal: String { scratch.path("data/log/events/events-imports/unfinished.json") }

  @Test(arguments: [false, true]) func overlappingFilesMakeNothingLate(reversed: Bool) {
    // Ten days each, of the same days: one behind the other would be up to a week late.
    let span = ["--start", "2026-03-01", "--end", "2026-03-11"]
    let one = Made.events(scratch, "one.ndjson", count: 5_000, seed: 1, span)
    let two = Made.events(scratch, "two.ndjson", count: 5_000, seed: 2, span)
    let imported = reversed ? importing(two, one) : importing(one, two)
    #expect(imported.code == 0, "\(imported.errors)")
    let json = run(data).json
    #expect(json["read"] as? Int == 10_000)
    #expect(json["late"] as? Int == 0)
  }

  @Test func whatWouldBeLateIsRefusedOrListed() {
    let new = scratch.write("new.ndjson", (0..<200).map { event($0, day: 20) }.joined())
    // Ten days behind, but for a third that is not.
    let old = scratch.write("old.ndjson", (200..<260).map { event($0, day: $0 % 3 == 0 ? 20 : 10) }.joined())
    #expect(importing(new).code == 0)
    let refused = importing(old)
    #expect(refused.code == 1)
    #expect(refused.errors.contains("--allow-late") && refused.errors.contains("40 of 60"), "\(refused.errors)")
    #expect(records(data) == 200, "nothing was appended")
    let allowed = importing(old, options: ["--allow-late"])
    #expect(allowed.json["appended"] as? Int == 60, "\(allowed.errors)")
    let json = run(data).json
    #expect(Made.ledger(json) == ["read": 260, "counted": 220, "duplicates": 0, "late": 40, "quarantined": 0])
    let listed = Program.run("quarantine", "list", "--reason", "late", "--data", data, "--json").json
    let records = listed["records"] as? [[String: Any]] ?? []
    #expect(records.count == 40)
    #expect(records.allSatisfy { ($0["bytes"] as? String)?.contains("2026-03-10") == true })
  }

  @Test func unusableLinesAreInTheLogAndInQuarantineAsFromFiles() {
    let file = Made.events(scratch, "a.ndjson", count: 20_000, ["--hostile", "0.02"])
    #expect(importing(file).code == 0)
    let fromLog = run(data).json
    let fromFile = Program.run("run", Made.topology, "--input", file, "--data", scratch.path("file"), "--json").json
    #expect(Made.ledger(fromLog) == Made.ledger(fromFile))
    let reasons = fromLog["quarantined_by_reason"] as? [String: Int]
    #expect(reasons == fromFile["quarantined_by_reason"] as? [String: Int])
    #expect((reasons?.count ?? 0) > 5)
  }

  @Test func standardInputNeedsToBeAllowedLate() {
    let file = scratch.write("a.ndjson", (0..<10).map { event($0, day: 1) }.joined())
    let program = Program.binary.path
    #expect(shell("\(program) import - --data \(data) < \(file) 2> \(scratch.path("err"))") == 1)
    #expect(scratch.text("err").contains("--allow-late"))
    #expect(shell("\(program) import - --allow-late --data \(data) < \(file) > \(scratch.path("out"))") == 0)
    #expect(records(data) == 10)
  }
}

/// What a command prints, without the line's end.
func shellOutput(_ command: String) -> String {
  let scratch = Scratch()
  #expect(shell("(\(command)) > \(scratch.path("out"))") == 0, "\(command)")
  return scratch.text("out").trimmingCharacters(in: .whitespacesAndNewlines)
}
