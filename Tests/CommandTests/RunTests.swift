import Foundation
import Testing

private let topology = """
  topology: small
  views:
    activity:
      rollup: { of: events, by: event_type, measures: { events: count, users: distinct(user_id) }, grains: { day: forever } }
  """

private func event(_ number: Int, user: Int, type: String = "view", time: String = "2026-03-01T10:00:00Z") -> String {
  "{\"event_id\":\"e\(number)\",\"event_type\":\"\(type)\",\"user_id\":\"u\(user)\",\"timestamp\":\"\(time)\"}\n"
}

/// Goal: a bounded run over files says what it did, goes on where it stopped, and refuses what would mix two logs or two
/// meanings. Method: the shipped program on small files.
@Suite struct RunTests {
  private let scratch = Scratch()
  private var file: String { scratch.path("small.yaml") }

  init() { scratch.write("small.yaml", topology) }

  private func run(_ options: String...) -> Program.Result {
    Program.run(["run", file, "--data", scratch.path("data"), "--json"] + options)
  }

  @Test func aGrownFileContinues() {
    let input = scratch.write("a.ndjson", (0..<10).map { event($0, user: $0) }.joined())
    #expect(run("--input", input).json["counted"] as? Int == 10)
    scratch.write("a.ndjson", (0..<15).map { event($0, user: $0) }.joined())
    let second = run("--input", input)
    #expect(second.json["counted"] as? Int == 15)
    #expect(second.json["read_this_run"] as? Int == 5)
  }

  /// What waits for its partition takes the memory it has bytes, not a buffer for each partition and read.
  @Test func memoryDoesNotGrowWithThePartitionsRecordsAreRoutedTo() {
    let input = Made.events(scratch, "a.ndjson", count: 60_000, bytes: 1_000)
    let result = run("--input", input, "--partitions", "100", "--memory", "256MiB")
    #expect(result.json["read"] as? Int == 60_000)
    let peak = result.json["peak_rss_bytes"] as? Int ?? .max
    #expect(peak < 800 << 20, "\(peak >> 20) MiB; it was 1,650 when every part had a buffer of 1 MiB, and is about 370")
  }

  @Test func aChangedFileIsRefused() {
    let input = scratch.write("a.ndjson", (0..<10).map { event($0, user: $0) }.joined())
    #expect(run("--input", input).code == 0)
    scratch.write("a.ndjson", (100..<120).map { event($0, user: $0) }.joined())
    let second = run("--input", input)
    #expect(second.code == 1)
    #expect(second.errors.contains("a.ndjson"), "\(second.errors)")
    scratch.write("a.ndjson", event(0, user: 0))
    #expect(run("--input", input).code == 1, "a shortened file is refused")
  }

  @Test func otherFilesPartitionsOrMeaningAreRefused() {
    let input = scratch.write("a.ndjson", event(1, user: 1))
    let other = scratch.write("b.ndjson", event(2, user: 2))
    #expect(run("--input", input).code == 0)
    #expect(run("--input", other).code == 1)
    #expect(run("--input", input, other).code == 1)
    #expect(run("--input", input, "--keyed").code == 1)
    #expect(run("--input", input, "--partitions", "3").code == 1)
    scratch.write("small.yaml", topology.replacing("event_type,", with: "geo.country,"))
    let changed = run("--input", input)
    #expect(changed.code == 1)
    #expect(changed.errors.contains("--data"), "the message says what to do: \(changed.errors)")
    scratch.write("small.yaml", "# another comment\n" + topology)
    #expect(run("--input", input).code == 0, "a comment changes no meaning")
  }

  @Test func keyedFilesAreParts() {
    let a = scratch.write("a.ndjson", (0..<10).map { event($0, user: 1) }.joined())
    let b = scratch.write("b.ndjson", (10..<30).map { event($0, user: 2) }.joined())
    let result = run("--input", a, b, "--keyed")
    #expect(result.json["counted"] as? Int == 30)
    let rows = export("activity", grain: "day", data: scratch.path("data"))
    #expect(rows == [["bucket": "2026-03-01T00:00:00Z", "event_type": "view", "events": "30", "users": "2"]])
  }

  @Test func standardInputAndCompressedFiles() throws {
    let text = (0..<100).map { event($0, user: $0) }.joined()
    let plain = scratch.write("a.ndjson", text)
    for (tool, name) in [("gzip", "a.ndjson.gz"), ("zstd", "a.ndjson.zst")] {
      guard shell("\(tool) -q -c \(plain) > \(scratch.path(name))") == 0 else { continue }
      let result = Program.run(
        "run", file, "--data", scratch.path("data-\(tool)"), "--json", "--input", scratch.path(name))
      #expect(result.json["counted"] as? Int == 100, "\(tool): \(result.errors)")
    }
    let data = scratch.path("piped")
    #expect(
      shell("\(Program.binary.path) run \(file) --input - --data \(data) --json < \(plain) > \(scratch.path("out"))")
        == 0)
    #expect(scratch.text("out").contains("\"counted\":100,"))
  }

  @Test func everyBadLineIsListedAndEveryGoodOneCounted() throws {
    var bytes = Data()
    let bad: [(String, Data)] = [
      ("invalid_json", Data("{\"event_id\":\"x\",\"event_type\":\"view\"".utf8)),
      ("too_deep", Data((String(repeating: "{\"a\":", count: 200) + "1" + String(repeating: "}", count: 200)).utf8)),
      ("too_large", Data(("{\"event_id\":\"" + String(repeating: "x", count: 10_000_000) + "\"}").utf8)),
      ("invalid_utf8", Data("{\"event_id\":\"".utf8) + Data([0xff, 0xfe]) + Data("\"}".utf8)),
      ("invalid_json", Data([0, 0, 0])),
      (
        "repeated_field",
        Data("{\"event_id\":\"a\",\"event_id\":\"b\",\"event_type\":\"v\",\"user_id\":\"1\",\"timestamp\":1}".utf8)
      ),
      (
        "invalid_timestamp",
        Data("{\"event_id\":\"a\",\"event_type\":\"v\",\"user_id\":\"1\",\"timestamp\":1e400}".utf8)
      ),
      (
        "invalid_timestamp",
        Data("{\"event_id\":\"a\",\"event_type\":\"v\",\"user_id\":\"1\",\"timestamp\":\"2026-02-31T00:00:00Z\"}".utf8)
      ),
      ("missing_user", Data("{\"event_id\":\"a\",\"event_type\":\"v\",\"timestamp\":1}".utf8)),
      ("wrong_type", Data("{\"event_id\":1,\"event_type\":\"v\",\"user_id\":\"1\",\"timestamp\":1}".utf8)),
      ("not_an_object", Data("[]".utf8)),
    ]
    for (index, (_, line)) in bad.enumerated() {
      bytes += Data(event(index, user: index).utf8) + line + Data("\n".utf8)
    }
    bytes += Data("\n  \n".utf8)
    try bytes.write(to: scratch.file("hostile.ndjson"))
    let result = run("--input", scratch.path("hostile.ndjson"))
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.json["counted"] as? Int == bad.count)
    #expect(result.json["quarantined"] as? Int == bad.count)
    #expect(result.json["read"] as? Int == bad.count * 2)
    let listed = Program.run("quarantine", "list", "--data", scratch.path("data"), "--json").json
    let records = listed["records"] as? [[String: Any]] ?? []
    #expect(records.compactMap { $0["reason"] as? String } == bad.map(\.0))
    #expect(records.allSatisfy { ($0["message"] as? String)?.isEmpty == false })
    #expect(records[2]["length"] as? Int == 10_000_015, "the length is the whole line's")
  }

  @Test func oneProcessOwnsADataDirectory() throws {
    let input = scratch.write("a.ndjson", event(1, user: 1))
    #expect(run("--input", input).code == 0)
    let lock = open(scratch.path("data/lock"), O_RDWR)
    #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
    let second = run("--input", input)
    #expect(second.code == 2)
    #expect(second.errors.contains("--server"), "\(second.errors)")
    close(lock)
  }
}

func shell(_ command: String) -> Int32 {
  let process = Process()
  process.executableURL = URL(filePath: "/bin/sh")
  process.arguments = ["-c", command]
  process.environment = Program.environment
  process.currentDirectoryURL = Program.root
  try! process.run()
  process.waitUntilExit()
  return process.terminationStatus
}
