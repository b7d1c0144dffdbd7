import Foundation
import Testing

/// Goal: a generation that begins with a checkpoint of another one of the same meaning reads only what came after it, and its
/// numbers are those of reading everything. Method: the shipped program; a verify rebuilds all of the log and compares every
/// cell, users included.
@Suite struct CheckpointStartTests {
  private let scratch = Scratch()
  private let configuration: String
  private let edited: String
  private static let events = 20_000

  init() throws {
    configuration = Made.configuration(scratch, data: scratch.path("data"))
    let text = try String(contentsOf: Program.root.appending(path: Made.topology), encoding: .utf8)
    edited = scratch.write("edited.yaml", text.replacing("gap: 30m ", with: "gap: 20m "))
    append(Self.events, seed: 7)
    #expect(run("run", Made.topology).code == 0)
  }

  private func run(_ arguments: String...) -> Program.Result { Program.run(arguments + ["--config", configuration]) }

  private func append(_ count: Int, seed: Int) {
    let file = Made.events(scratch, "events-\(seed).ndjson", count: count, seed: seed)
    let imported = run("import", file, "--allow-late")
    #expect(imported.code == 0, "\(imported.errors)")
  }

  private func verify() {
    let verified = run("verify", "web")
    #expect(verified.code == 0, "\(verified.output) \(verified.errors)")
  }

  private func generations() -> [[String: Any]] {
    let topologies = run("status", "--json").json["topologies"] as? [[String: Any]]
    return topologies?.first?["generations"] as? [[String: Any]] ?? []
  }

  @Test func onlyTheTailIsReadAndTheNumbersAreTheSame() {
    let none = run("replay", "web", "--from", "checkpoint")
    #expect(none.code == 1 && none.errors.contains("has a checkpoint"), "\(none.errors)")
    #expect(run("checkpoint", "create", "web").code == 0)
    append(500, seed: 8)
    #expect(run("deploy", edited, "--promote-when-caught-up").code == 0)
    #expect(run("deploy", edited, "--from", "checkpoint", "--json").json["unchanged"] as? Bool == true)

    let plan = run("plan", Made.topology, "--json").json
    let found = plan["checkpoint"] as? [String: Any] ?? [:]
    #expect(found["generation"] as? Int == 1 && found["events"] as? Int == 500 && found["used"] as? Bool == false)
    #expect(plan["events"] as? Int == Self.events + 500, "unless it is asked for, everything is read")
    #expect(run("plan", Made.topology, "--from", "checkpoint", "--json").json["events"] as? Int == 500)
    #expect(run("plan", Made.topology, "--from", "checkpoint").output.contains("checkpoint 1 of generation 1"))

    let begun = run("deploy", Made.topology, "--from", "checkpoint", "--json").json
    #expect(begun["generation"] as? Int == 3 && begun["read_this_run"] as? Int == 500, "\(begun)")
    #expect((generations().last?["begun_from"] as? [String: Any])?["checkpoint"] as? Int == 1)
    #expect(run("diff", "web", "1", "3").code == 0, "the first one reads on to the same numbers")
    // One that began with a checkpoint is not what reading everything is asked for.
    let whole = run("deploy", Made.topology, "--json").json
    #expect(whole["generation"] as? Int == 4 && whole["read_this_run"] as? Int == Self.events + 500, "\(whole)")
    #expect(run("diff", "web", "3", "4").code == 0)
    #expect(run("promote", "web", "3").code == 0)
    verify()
    #expect(run("drop", "web", "1").code == 0)
    verify()
  }

  @Test func aDamagedCheckpointIsPassedOver() throws {
    #expect(run("checkpoint", "create", "web").code == 0)
    append(500, seed: 8)
    #expect(run("run", Made.topology).code == 0)
    #expect(run("checkpoint", "create", "web").code == 0)
    let newest = run("checkpoint", "list", "web", "--json").json["checkpoints"] as? [[String: Any]] ?? []
    let offsets = newest.map { $0["offsets"] as? [Int] ?? [] }
    try #require(offsets.count == 2)
    for (index, read) in [(1, 500), (0, nil)] as [(Int, Int?)] {
      let offset = String(repeating: "0", count: 20 - "\(offsets[index][0])".count) + "\(offsets[index][0])"
      scratch.write("data/topologies/web/gen-1/p-000/checkpoints/\(offset)/CURRENT", "damaged")
      let begun = run("replay", "web", "--from", "checkpoint", "--json")
      guard let read else {
        #expect(begun.code == 2 && begun.errors.contains("CURRENT"), "\(begun.output) \(begun.errors)")
        continue
      }
      #expect(begun.json["read_this_run"] as? Int == read)
      #expect(run("promote", "web").code == 0)
      verify()
      #expect(run("rollback", "web").code == 0)
      #expect(run("drop", "web", "\(begun.json["generation"] ?? 0)").code == 0)
    }
    #expect(generations().map { $0["generation"] as? Int } == [1])
  }

  @Test func killedAtAnyMomentItBeginsOnce() {
    #expect(run("checkpoint", "create", "web").code == 0)
    append(2_000, seed: 8)
    let replay = ["replay", "web", "--from", "checkpoint", "--config", configuration]
    var killer = Killer(seed: 3)
    #expect(killer.kill(15, within: 0.15, replay, scratch) > 0)
    #expect(Program.run(replay + ["--promote-when-caught-up"]).code == 0)
    verify()
    #expect(generations().count == 2, "\(generations())")
  }
}
