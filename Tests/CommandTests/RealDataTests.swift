import Foundation
import Testing

/// The two real event logs, beside the repository when they are there.
struct RealData: CustomTestStringConvertible, Sendable {
  var file: String
  var topology: String
  var counted: Int
  var duplicates: Int
  var sessions: Int
  var bounces: Int
  var funnel: String
  var levels: [Int]

  var testDescription: String { topology }

  static let travel = RealData(
    file: "travel-stackexchange.ndjson.zst", topology: "community", counted: 380_643, duplicates: 0, sessions: 256_856,
    bounces: 182_867, funnel: "onboarding", levels: [44_203, 11_835, 4_074])
  static let store = RealData(
    file: "rees46-oct2019.ndjson.zst", topology: "shop", counted: 17_429, duplicates: 5, sessions: 4_518,
    bounces: 1_666, funnel: "purchase_path", levels: [4_504, 111, 62])

  static let directory =
    ProcessInfo.processInfo.environment["MILLRACE_TEST_DATA"].map { URL(filePath: $0) }
    ?? Program.root.deletingLastPathComponent().appending(path: "shared/data")

  static let areThere = FileManager.default.fileExists(atPath: directory.appending(path: travel.file).path)

  var path: String { RealData.directory.appending(path: file).path }

  func run(_ data: String, partitions: Int, _ options: [String] = []) -> Program.Result {
    Program.run(
      [
        "run", "topologies/\(topology).yaml", "--input", path, "--data", data, "--partitions", "\(partitions)",
        "--json",
      ]
        + options)
  }

  /// Everything known about these data, read back by a second process.
  func check(_ data: String) {
    let visits = export("visits", grain: "day", data: data)
    #expect(total(visits, "sessions") == sessions)
    #expect(total(visits, "bounces") == bounces)
    let funnel = Program.run("funnel", self.funnel, "--data", data, "--json").json
    let steps = funnel["steps"] as? [[String: Any]] ?? []
    #expect(steps.compactMap { $0["users_completed"] as? Int } == levels)
  }
}

/// Goal: two event logs nobody here wrote give exactly the numbers known for them, whatever the partitions, batches, and
/// however often the process dies. Method: the shipped program, its shipped topologies, its own exports.
@Suite(.serialized, .enabled(if: RealData.areThere, "the real event logs are not beside this checkout"))
struct RealDataTests {
  @Test(arguments: [RealData.travel, .store], [(1, 100_000), (2, 16_384), (7, 100_000)])
  func knownNumbers(_ data: RealData, _ shape: (partitions: Int, batch: Int)) {
    let scratch = Scratch()
    let result = data.run(
      scratch.path("data"), partitions: shape.partitions, ["--batch-records", "\(shape.batch)"])
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.json["counted"] as? Int == data.counted)
    #expect(result.json["duplicates"] as? Int == data.duplicates)
    data.check(scratch.path("data"))
  }

  @Test(arguments: [1, 2]) func batchesOfOne(_ partitions: Int) {
    let scratch = Scratch()
    let data = RealData.store
    #expect(data.run(scratch.path("data"), partitions: partitions, ["--batch-records", "1"]).code == 0)
    data.check(scratch.path("data"))
  }

  @Test(arguments: [1, 7]) func killedTenTimesOnTheWay(_ partitions: Int) {
    let scratch = Scratch()
    let data = RealData.travel
    let arguments = [
      "run", "topologies/community.yaml", "--input", data.path, "--data", scratch.path("data"), "--partitions",
      "\(partitions)", "--batch-records", "300", "--commit-every", "10ms", "--threads", "1",
    ]
    var killed = 0
    for round in 0..<10 {
      let process = Program.start(arguments, output: scratch.file("out"), errors: scratch.file("err"))
      usleep(UInt32(60_000 + round * 25_000))
      if process.isRunning {
        kill(process.processIdentifier, SIGKILL)
        killed += 1
      }
      process.waitUntilExit()
    }
    #expect(killed > 0, "the machine was too fast for the test to kill anything")
    let result = data.run(scratch.path("data"), partitions: partitions)
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.json["counted"] as? Int == data.counted)
    data.check(scratch.path("data"))
  }

  @Test(arguments: [RealData.travel, .store]) func fromTheLogAsFromTheFile(_ data: RealData) {
    let scratch = Scratch()
    let imported = Program.run("import", data.path, "--data", scratch.path("log"), "--json")
    #expect(imported.code == 0, "\(imported.errors)")
    let run = Program.run("run", "topologies/\(data.topology).yaml", "--data", scratch.path("log"), "--json")
    #expect(run.json["counted"] as? Int == data.counted)
    data.check(scratch.path("log"))
    let again = Program.run("import", data.path, "--data", scratch.path("log"), "--json")
    #expect(again.json["appended"] as? Int == 0, "importing the same file twice appends nothing")

    #expect(data.run(scratch.path("file"), partitions: 3).code == 0)
    for (view, grain) in [("activity", "hour"), ("visits", "day")] {
      let fromLog = Program.run("export", view, "--grain", grain, "--data", scratch.path("log")).output
      let fromFile = Program.run("export", view, "--grain", grain, "--data", scratch.path("file")).output
      #expect(fromLog == fromFile)
    }
  }

  /// What is served is what a replay gives, and another session gap changes visits and nothing else.
  @Test(arguments: [RealData.travel, .store]) func verifiedAndDeployed(_ data: RealData) throws {
    let scratch = Scratch()
    #expect(Program.run("import", data.path, "--data", scratch.path("data"), "--json").code == 0)
    #expect(Program.run("run", "topologies/\(data.topology).yaml", "--data", scratch.path("data")).code == 0)
    let verified = Program.run("verify", data.topology, "--data", scratch.path("data"), "--json")
    #expect(verified.code == 0, "\(verified.output) \(verified.errors)")
    #expect(verified.json["cells"] as? Int ?? 0 > 1_000)
    let text = try String(contentsOf: Program.root.appending(path: "topologies/\(data.topology).yaml"), encoding: .utf8)
    let file = scratch.write("b.yaml", text + "\nsessions: { gap: 20m }\n")
    #expect(Program.run("deploy", file, "--data", scratch.path("data")).code == 0)
    let diff = Program.run("diff", data.topology, "--data", scratch.path("data"), "--json")
    #expect(diff.code == 1)
    for view in diff.json["views"] as? [[String: Any]] ?? [] {
      let differing = ["changed", "added", "removed"].reduce(0) { $0 + (view[$1] as? Int ?? 0) }
      #expect((differing > 0) == (view["view"] as? String == "visits"), "\(view)")
    }
    #expect(Program.run("promote", data.topology, "--data", scratch.path("data")).code == 0)
    #expect(Program.run("verify", data.topology, "--data", scratch.path("data")).code == 0)
    #expect(Program.run("rollback", data.topology, "--data", scratch.path("data")).code == 0)
    data.check(scratch.path("data"))
  }
}
