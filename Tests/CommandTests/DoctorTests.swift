import Foundation
import Testing

/// Goal: `millrace doctor` sees what is really wrong with a setup, and disturbs nothing. Method: a good setup, broken on purpose
/// in one way after the other, under the shipped program.
@Suite struct DoctorTests {
  private let scratch = Scratch()
  private var data: String { scratch.path("data") }

  /// A log of three partitions, half of it read.
  private func made() -> String {
    let configuration = Made.configuration(scratch, data: data)
    for seed in [1, 2] {
      let file = Made.events(scratch, "\(seed).ndjson", count: 10_000, seed: seed)
      let imported = Program.run("import", file, "--config", configuration, "--allow-late")
      #expect(imported.code == 0, "\(imported.errors)")
      guard seed == 1 else { continue }
      #expect(Program.run("run", Made.topology, "--config", configuration).code == 0)
    }
    return configuration
  }

  private func findings(_ configuration: String, _ topology: String = Made.topology, code: Int32) -> [String: [String]]
  {
    let result = Program.run("doctor", topology, "--config", configuration, "--json")
    #expect(result.code == code, "\(result.output) \(result.errors)")
    var found: [String: [String]] = [:]
    for case let finding as [String: Any] in result.json["findings"] as? [Any] ?? [] {
      let severity = finding["severity"] as? String ?? ""
      guard severity != "ok" else { continue }
      if severity != "skipped" { #expect(finding["fix"] is String, "\(finding)") }
      found["\(severity) \(finding["check"] ?? "")", default: []].append(finding["message"] as? String ?? "")
    }
    return found
  }

  @Test func aGoodSetupIsFineAndNothingIsTouched() {
    let configuration = made()
    let before = shellOutput("cd \(data) && find . -type f ! -name LOG* | sort | xargs md5sum")
    #expect(findings(configuration, code: 0) == [:])
    #expect(shellOutput("cd \(data) && find . -type f ! -name LOG* | sort | xargs md5sum") == before)
    let table = Program.run("doctor", Made.topology, "--config", configuration)
    #expect(table.code == 0 && table.errors.isEmpty)
    #expect(table.output.contains("0 problems, 0 warnings, 0 skipped"), "\(table.output)")
    #expect(!table.output.contains("\u{1b}"))
  }

  @Test func nothingYetIsFineAndStaysNothing() {
    let configuration = Made.configuration(scratch, data: data)
    #expect(findings(configuration, code: 0) == [:])
    #expect(!FileManager.default.fileExists(atPath: data))
  }

  @Test func mistakesInTheConfigurationAreFindings() {
    let configuration = scratch.write("bad.yaml", "data: \(data)\nmemroy: 25%\n")
    let found = findings(configuration, code: 1)
    #expect(found.keys.sorted() == ["problem configuration"])
    #expect(found["problem configuration"]?[0].contains("did you mean 'memory'?") == true)
  }

  @Test func mistakesInATopologyAreFindings() {
    let topology = scratch.write("bad.yaml", "topology: bad\nviews: {}\nsource: {topc: events}\n")
    let found = findings(made(), topology, code: 1)
    #expect(found.keys.sorted() == ["problem topology"])
    #expect(found["problem topology"]?.count == 2, "every mistake of the file: \(found)")
  }

  @Test func anEditedFileAndAnEditedCopyAreToldApart() throws {
    let configuration = made()
    let original = try String(contentsOf: Program.root.appending(path: Made.topology), encoding: .utf8)
    let edited = original.replacingOccurrences(of: "gap: 30m", with: "gap: 20m")
    #expect(edited != original)
    let file = scratch.write("edited.yaml", edited)
    #expect(findings(configuration, file, code: 0).keys.sorted() == ["warning generation"])
    try edited.write(toFile: "\(data)/topologies/web/gen-1/topology.yaml", atomically: true, encoding: .utf8)
    #expect(findings(configuration, code: 1).keys.contains("problem generation"))
  }

  @Test func anotherTopicIsAProblem() throws {
    let configuration = made()
    let original = try String(contentsOf: Program.root.appending(path: Made.topology), encoding: .utf8)
    let file = scratch.write("other.yaml", original.replacingOccurrences(of: "topic: events", with: "topic: orders"))
    #expect(findings(configuration, file, code: 1).keys.contains("problem generation"))
  }

  @Test func theConfiguredPartitionsAreNotTheLogs() {
    _ = made()
    let other = Made.configuration(scratch, "other.yaml", data: data, partitions: 8)
    #expect(findings(other, code: 1).keys.sorted() == ["problem partitions"])
  }

  @Test func aLogOfAnotherPartitionCountIsNotTheStates() {
    let configuration = made()
    #expect(shell("rm -r \(data)/log") == 0)
    let other = Made.configuration(scratch, "other.yaml", data: data, partitions: 5)
    let file = Made.events(scratch, "3.ndjson", count: 1_000)
    #expect(Program.run("import", file, "--config", other).code == 0)
    #expect(findings(other, code: 1).keys.sorted() == ["problem partitions"])
    #expect(findings(configuration, code: 1)["problem partitions"]?.count == 2)
  }

  @Test func theLogIsGone() {
    let configuration = made()
    #expect(shell("rm -r \(data)/log") == 0)
    #expect(findings(configuration, code: 1).keys.sorted() == ["problem log"])
  }

  @Test func aLogThatIsShorterThanTheState() {
    let configuration = made()
    #expect(shell("rm -r \(data)/log") == 0)
    let file = Made.events(scratch, "3.ndjson", count: 100)
    #expect(Program.run("import", file, "--config", configuration).code == 0)
    let found = findings(configuration, code: 1)
    #expect(found.keys.sorted() == ["problem position"])
    #expect(found["problem position"]?[0].contains("partitions 0-2") == true, "\(found)")
  }

  @Test func anotherLogOfTheSameLength() {
    let configuration = made()
    #expect(shell("rm -r \(data)/log") == 0)
    for seed in [7, 8] {
      let file = Made.events(scratch, "\(seed).ndjson", count: 20_000, seed: seed)
      #expect(Program.run("import", file, "--config", configuration, "--allow-late").code == 0)
    }
    #expect(findings(configuration, code: 1).keys.sorted() == ["problem read_back"])
  }

  @Test func retentionRemovedWhatComesNext() throws {
    let configuration = made()
    let partition = "\(data)/log/events/p-001"
    let segments = try FileManager.default.contentsOfDirectory(atPath: partition).sorted()
    for segment in segments.dropLast() { try FileManager.default.removeItem(atPath: "\(partition)/\(segment)") }
    let found = findings(configuration, code: 1)
    #expect(found.keys.contains("problem position"), "\(found)")
    #expect(found["problem position"]?[0].contains("partition 1 ") == true, "\(found)")
  }

  @Test func aDamagedAndAMissingSegment() throws {
    let configuration = made()
    let partition = "\(data)/log/events/p-001"
    let segments = try FileManager.default.contentsOfDirectory(atPath: partition).sorted()
    #expect(segments.count > 3)
    let middle = "\(partition)/\(segments[segments.count / 2])"
    let bytes = try Data(contentsOf: URL(filePath: middle))
    try Data(bytes.map { ~$0 }).write(to: URL(filePath: middle))
    var found = findings(configuration, code: 1)
    #expect(found["problem segments"]?[0].contains(middle) == true, "\(found)")
    try FileManager.default.removeItem(atPath: middle)
    found = findings(configuration, code: 1)
    #expect(found["problem segments"]?[0].contains("missing") == true, "\(found)")
    try bytes.write(to: URL(filePath: middle))
    #expect(findings(configuration, code: 0) == [:])
  }

  @Test func aPartitionThatStopped() throws {
    let configuration = made()
    try "the disk is full".write(
      toFile: "\(data)/topologies/web/gen-1/p-002/stopped", atomically: true, encoding: .utf8)
    #expect(findings(configuration, code: 1).keys.sorted() == ["problem stopped"])
  }

  @Test func aStateThatCannotBeOpened() {
    let configuration = made()
    #expect(shell("for f in \(data)/topologies/web/gen-1/p-000/state/MANIFEST*; do echo > $f; done") == 0)
    let found = findings(configuration, code: 1)
    #expect(found["problem stopped"]?[0].contains("state") == true, "\(found)")
  }

  @Test func noRoomAndShortRetention() {
    _ = made()
    let other = scratch.write(
      "other.yaml",
      """
      data: \(data)
      log: {embedded: {partitions: 3, segment_size: 64KiB, reserve: 100%, retention: {age: 1d, size: 1KB}}}
      """)
    let found = findings(other, code: 1)
    #expect(found.keys.sorted() == ["problem disk", "problem retention", "warning retention"], "\(found)")
  }

  @Test func moreMemoryThanThereIs() {
    _ = made()
    let other = scratch.write(
      "other.yaml", "data: \(data)\nmemory: 100%\nlog: {embedded: {partitions: 3, reserve: 1MiB}}\n")
    #expect(findings(other, code: 1).keys.sorted() == ["problem memory"])
  }

  @Test func aServerAtWorkIsLeftInPeace() {
    let configuration = made()
    let served = Served([Made.topology, "--config", configuration])
    served.waitUntilReady()
    let found = findings(configuration, code: 0)
    #expect(found.keys.sorted() == ["skipped data"])
    #expect(found["skipped data"]?[0].contains("\(served.process.processIdentifier)") == true, "\(found)")
  }
}
