import Foundation
import Testing

/// Goal: a disk without room stops what must be written and nothing else, and costs no number. Method: a reserve nobody has, a
/// limit on file sizes, and a small file system in memory where mounting is permitted.
@Suite struct DiskTests {
  private let scratch = Scratch()
  private var data: String { scratch.path("data") }

  @Test func theReserveRefusesAppendsWhileQueriesGoOn() {
    let configuration = Made.configuration(scratch, data: data)
    let filled = Program.run("generate", "--events", "2000", "--log", "--config", configuration)
    #expect(filled.code == 0, "\(filled.errors)")
    #expect(Program.run("run", Made.topology, "--config", configuration).code == 0)
    _ = Made.configuration(scratch, data: data, reserve: "100%")
    let refused = Program.run("generate", "--events", "2000", "--log", "--config", configuration)
    #expect(refused.code == 2)
    #expect(refused.errors.contains("nearly full") && refused.errors.contains("reserve"), "\(refused.errors)")
    let file = Made.events(scratch, "a.ndjson", count: 10)
    #expect(Program.run("import", file, "--config", configuration).code != 0)
    for verb in [
      ["query", "traffic", "--metric", "events", "--granularity", "day"], ["funnel", "checkout"], ["status"],
    ] {
      #expect(Program.run(verb + ["--config", configuration]).code == 0)
    }
    let server = Served([Made.topology, "--config", configuration])
    server.waitUntilReady()
    #expect(server.get("/query?view=traffic&metric=events&granularity=day").status == 200)
    #expect(server.end(SIGTERM) == 0)
    // What was refused has left nothing half done.
    _ = Made.configuration(scratch, data: data)
    #expect(Program.run("import", file, "--allow-late", "--config", configuration).code == 0)
    #expect(Program.run("run", Made.topology, "--config", configuration, "--json").json["read"] as? Int == 2_010)
  }

  /// A file that may not grow fails as a full disk does, without anybody's permission.
  @Test func aStateThatCannotGrowStopsAndGoesOnLater() {
    let file = Made.events(scratch, "a.ndjson", count: 60_000)
    let whole = Program.run("run", Made.topology, "--input", file, "--data", scratch.path("whole"), "--json")
    #expect(whole.code == 0)
    let command =
      "\(Program.binary.path) run \(Made.topology) --input \(file) --data \(data) --commit-every 10ms --json"
    let code = shell("ulimit -f 512; exec \(command) > \(scratch.path("out")) 2> \(scratch.path("err"))")
    #expect(code == 2, "\(code): \(scratch.text("err"))")
    #expect(scratch.text("err").contains("stopped: store"), "\(scratch.text("err"))")
    let after = Program.run(
      "run", Made.topology, "--input", file, "--data", data, "--json")
    #expect(after.code == 0, "\(after.errors)")
    #expect(Made.ledger(after.json) == Made.ledger(whole.json))
    Made.expectEqual(Made.numbers(data), Made.numbers(scratch.path("whole")), "after the limit and without one")
  }

  static let mayMount: Bool = {
    let probe = Scratch()
    return shell(
      "mount -t tmpfs -o size=64k none \(probe.directory.path) 2> /dev/null && umount \(probe.directory.path)")
      == 0
  }()

  @Test(.enabled(if: DiskTests.mayMount, "mounting a small file system is not permitted here"))
  func aFullDiskStopsThePartitionAndNotTheProgram() throws {
    let file = Made.events(scratch, "a.ndjson", count: 90_000)
    let whole = Program.run("run", Made.topology, "--input", file, "--data", scratch.path("whole"), "--json")
    #expect(whole.code == 0)
    let disk = scratch.path("disk")
    #expect(shell("mkdir \(disk) && mount -t tmpfs -o size=60m none \(disk)") == 0)
    defer { _ = shell("umount -l \(disk)") }
    #expect(shell("dd if=/dev/zero of=\(disk)/ballast bs=1M count=49 status=none") == 0)
    let arguments = [
      "run", Made.topology, "--input", file, "--data", "\(disk)/data", "--commit-every", "10ms", "--memory", "64MiB",
      "--json",
    ]
    let stopped = Program.run(arguments)
    #expect(stopped.code == 2, "\(stopped.errors)")
    #expect(stopped.errors.contains("the disk is full"), "\(stopped.errors)")
    #expect((stopped.json["read"] as? Int ?? 0) < 90_000)
    // A partition that stops gives back what its log had reserved, and another may go on in that: somebody else takes it.
    let free = try #require(FileManager.default.attributesOfFileSystem(forPath: disk)[.systemFreeSize] as? Int)
    #expect(shell("dd if=/dev/zero of=\(disk)/others bs=1M count=\(max(0, (free >> 20) - 2)) status=none") == 0)
    let again = Program.run(arguments)
    #expect(again.code == 2, "still full: \(again.errors)")
    #expect(again.errors.contains("the disk is full"), "\(again.errors)")
    #expect(again.json["read"] as? Int == stopped.json["read"] as? Int)
    let query = Program.run(
      "query", "traffic", "--metric", "events", "--granularity", "day", "--data", "\(disk)/data", "--json")
    #expect(query.code == 0, "what is there is answered: \(query.errors)")

    #expect(shell("rm \(disk)/ballast \(disk)/others") == 0)
    let after = Program.run(arguments)
    #expect(after.code == 0, "\(after.errors)")
    #expect(Made.ledger(after.json) == Made.ledger(whole.json))
    Made.expectEqual(Made.numbers("\(disk)/data"), Made.numbers(scratch.path("whole")), "after a full disk")
  }

  /// A generation that cannot be built says so; what is served goes on, and with room the same command goes on too.
  @Test(.enabled(if: DiskTests.mayMount, "mounting a small file system is not permitted here"))
  func aFullDiskStopsADeployAndNothingElse() throws {
    let disk = scratch.path("disk")
    #expect(shell("mkdir \(disk) && mount -t tmpfs -o size=200m none \(disk)") == 0)
    defer { _ = shell("umount -l \(disk)") }
    let configuration = scratch.write(
      "millrace.yaml",
      """
      data: \(disk)/data
      memory: 64MiB
      log: { embedded: { path: \(scratch.path("log")), partitions: 3 } }
      """)
    let file = Made.events(scratch, "a.ndjson", count: 90_000)
    #expect(Program.run("import", file, "--config", configuration).code == 0)
    #expect(Program.run("run", Made.topology, "--config", configuration).code == 0)
    let live = Made.numbers("\(disk)/data")
    let text = try String(contentsOf: Program.root.appending(path: Made.topology), encoding: .utf8)
    let changed = scratch.write("b.yaml", text.replacing("gap: 30m ", with: "gap: 20m "))
    let free = try #require(
      FileManager.default.attributesOfFileSystem(forPath: disk)[.systemFreeSize] as? Int)
    #expect(shell("dd if=/dev/zero of=\(disk)/ballast bs=1M count=\((free >> 20) - 12) status=none") == 0)
    let full = Program.run("deploy", changed, "--config", configuration)
    #expect(full.code == 2, "\(full.output) \(full.errors)")
    #expect(full.errors.contains("the disk is full"), "\(full.errors)")
    Made.expectEqual(live, Made.numbers("\(disk)/data"), "what is served on a full disk")
    #expect(Program.run("promote", Made.name, "--config", configuration).code == 1, "it is not caught up")
    #expect(shell("rm \(disk)/ballast") == 0)
    let after = Program.run("deploy", changed, "--config", configuration, "--json").json
    #expect(after["resumed"] as? Bool == true)
    #expect(after["state"] as? String == "caught_up")
    #expect(Program.run("promote", Made.name, "--config", configuration).code == 0)
    #expect(Program.run("verify", Made.name, "--config", configuration).code == 0)
  }

  /// What a server builds beside what it serves stops alone, and goes on when there is room and it is told to.
  @Test(.enabled(if: DiskTests.mayMount, "mounting a small file system is not permitted here"))
  func aFullDiskStopsWhatAServerBuildsAndNothingElse() throws {
    let disk = scratch.path("disk")
    #expect(shell("mkdir \(disk) && mount -t tmpfs -o size=200m none \(disk)") == 0)
    defer { _ = shell("umount -l \(disk)") }
    let configuration = scratch.write(
      "millrace.yaml",
      """
      data: \(disk)/data
      memory: 64MiB
      log: { embedded: { path: \(scratch.path("log")), partitions: 3 } }
      """)
    let file = Made.events(scratch, "a.ndjson", count: 60_000)
    #expect(Program.run("import", file, "--config", configuration).code == 0)
    let server = Served([Made.topology, "--config", configuration])
    server.waitUntilReady()
    let path = "/query?view=visits&metric=sessions&granularity=day"
    let before = server.get(path).json["data"] as? [NSDictionary]
    let text = try String(contentsOf: Program.root.appending(path: Made.topology), encoding: .utf8)
    let changed = scratch.write("b.yaml", text.replacing("gap: 30m ", with: "gap: 20m "))
    let free = try #require(FileManager.default.attributesOfFileSystem(forPath: disk)[.systemFreeSize] as? Int)
    #expect(shell("dd if=/dev/zero of=\(disk)/ballast bs=1M count=\((free >> 20) - 10) status=none") == 0)
    let full = Program.run("deploy", changed, "--server", server.url)
    #expect(full.code == 2, "\(full.output) \(full.errors)")
    #expect(full.errors.contains("the disk is full"), "\(full.errors)")
    #expect(server.get("/replays/web-2").json["state"] as? String == "stopped")
    let answer = server.get(path)
    #expect(answer.status == 200 && answer.json["partial"] == nil, "\(answer.body)")
    #expect(answer.json["data"] as? [NSDictionary] == before)
    #expect(Program.run("promote", "web", "2", "--server", server.url).code == 1, "it is not whole")
    #expect(shell("rm \(disk)/ballast") == 0)
    #expect(Served.ask("POST", server.url + "/replays/web-2/resume").status == 202)
    eventually("it is built: \(server.errors)") { server.get("/replays/web-2").json["state"] as? String == "caught_up" }
    #expect(Program.run("promote", "web", "2", "--server", server.url).code == 0)
    #expect(server.get(path).json["generation"] as? Int == 2)
    #expect(server.end(SIGTERM) == 0, "\(server.errors)")
  }

  /// A server that starts on a full disk answers what it has, and says what it cannot go on with.
  @Test(.enabled(if: DiskTests.mayMount, "mounting a small file system is not permitted here"))
  func aServerOnAFullDiskAnswers() {
    let disk = scratch.path("disk")
    #expect(shell("mkdir \(disk) && mount -t tmpfs -o size=200m none \(disk)") == 0)
    defer { _ = shell("umount -l \(disk)") }
    let configuration = Made.configuration(scratch, data: "\(disk)/data", reserve: "1KiB")
    let file = Made.events(scratch, "a.ndjson", count: 5_000)
    #expect(Program.run("import", file, "--config", configuration).code == 0)
    #expect(Program.run("run", Made.topology, "--config", configuration).code == 0)
    let query = ["query", "traffic", "--metric", "events", "--granularity", "day", "--json"]
    let before = Program.run(query + ["--config", configuration]).json["data"] as? [NSDictionary]
    _ = shell("dd if=/dev/zero of=\(disk)/ballast bs=64k status=none 2> /dev/null")
    let server = Served([Made.topology, "--config", configuration])
    server.waitUntilReady()
    let answer = server.get("/query?view=traffic&metric=events&granularity=day")
    #expect(answer.status == 200, "\(answer.body)")
    #expect((answer.json["partial"] as? [Any])?.count == 3)
    #expect(answer.json["data"] as? [NSDictionary] == before)
    #expect(server.end(SIGTERM) == 0, "\(server.errors)")
  }

  @Test(.enabled(if: DiskTests.mayMount, "mounting a small file system is not permitted here"))
  func aFullDiskUnderTheLogLosesNothingThatWasTaken() {
    let disk = scratch.path("disk")
    #expect(shell("mkdir \(disk) && mount -t tmpfs -o size=8m none \(disk)") == 0)
    defer { _ = shell("umount -l \(disk)") }
    let configuration = Made.configuration(scratch, data: "\(disk)/data", reserve: "1KiB")
    let file = Made.events(scratch, "a.ndjson", count: 120_000)
    let full = Program.run("import", file, "--config", configuration)
    #expect(full.code == 2, "\(full.errors)")
    #expect(full.errors.contains("space") || full.errors.contains("nearly full"), "\(full.errors)")
    #expect(shell("mount -o remount,size=300m \(disk)") == 0)
    let after = Program.run("import", file, "--config", configuration, "--json")
    #expect(after.code == 0, "\(after.errors)")
    let run = Program.run("run", Made.topology, "--config", configuration, "--json")
    #expect(run.json["read"] as? Int == 120_000)
  }
}
