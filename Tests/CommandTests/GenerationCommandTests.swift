import Foundation
import Seeded
import Testing

/// A data directory with a log of made-up events and `web.yaml` built from it, and files that say something else.
private struct Deployed {
  let scratch = Scratch()
  let events: Int
  var data: String { scratch.path("data") }
  var configuration: String { scratch.path("millrace.yaml") }

  init(events: Int = 20_000, days: Int = 7) {
    self.events = events
    _ = Made.configuration(scratch, data: scratch.path("data"))
    let imported = Program.run(
      "import", Made.events(scratch, "e.ndjson", count: events, ["--days", "\(days)"]), "--config", configuration)
    #expect(imported.code == 0, "\(imported.errors)")
    let run = Program.run("run", Made.topology, "--config", configuration)
    #expect(run.code == 0, "\(run.errors)")
  }

  /// `web.yaml` with some text replaced.
  func file(_ name: String, _ changes: [(String, String)]) -> String {
    var text = try! String(contentsOf: Program.root.appending(path: Made.topology), encoding: .utf8)
    for (from, to) in changes {
      #expect(text.contains(from), "web.yaml no longer says '\(from)'")
      text = text.replacing(from, with: to)
    }
    return scratch.write(name, text)
  }

  func run(_ arguments: String...) -> Program.Result { Program.run(arguments + ["--config", configuration]) }
}

private let shorterGap = [("gap: 30m ", "gap: 20m ")]
private let osAsWell = [
  ("device.type]\n      measures:\n        events", "device.type, device.os]\n      measures:\n        events")
]

/// Goal: an analyst sees what an edit means before anything runs, builds it beside what is served, reads exactly what differs,
/// and goes there and back. Method: the shipped program; what differs is also found by a naive program over exports.
@Suite struct GenerationCommandTests {
  @Test func planNamesWhatChangesAndWhatItCosts() {
    let deployed = Deployed()
    let same = deployed.run("plan", deployed.file("same.yaml", [("# A web shop", "# a comment; A web shop")]), "--json")
      .json
    #expect(same["changes"] as? Bool == false)
    let plan = deployed.run("plan", deployed.file("b.yaml", shorterGap + osAsWell), "--json").json
    #expect(plan["events"] as? Int == deployed.events)
    #expect(plan["next"] as? Int == 2)
    #expect(plan["estimated_seconds"] as? Double != nil)
    let reasons = { (object: Any?) in
      (object as? [[String: Any]] ?? []).map { "\($0["key"]!) \($0["from"]!) -> \($0["to"]!)" }
    }
    #expect(reasons(plan["settings"]) == ["sessions.gap 30m -> 20m"])
    let views = plan["views"] as? [[String: Any]] ?? []
    #expect(
      views.map { "\($0["view"]!) \($0["change"]!)" } == ["traffic changed", "visits changed", "checkout unchanged"])
    #expect(
      reasons(views[0]["because"]) == [
        "views.traffic.rollup.by event_type, geo.country, device.type -> event_type, geo.country, device.type, device.os"
      ])
    #expect((views[0]["because"] as? [[String: Any]])?[0]["line"] as? Int == 17)
    #expect(reasons(views[1]["because"]) == ["sessions.gap 30m -> 20m"])
    #expect(deployed.run("status", "--json").output.contains("\"generations\":[{\"generation\":1,"))
    #expect(!deployed.run("status").output.contains("building"), "a plan makes nothing")
  }

  @Test func diffSaysWhatANaiveProgramSays() {
    let deployed = Deployed()
    let changes =
      shorterGap + [
        ("properties.amount > 0", "properties.amount > 60"), ("within: 24h", "within: 10m"),
      ]
    let live = Made.numbers(deployed.data)
    let made = deployed.run("deploy", deployed.file("b.yaml", changes), "--json").json
    #expect(made["generation"] as? Int == 2)
    #expect(made["state"] as? String == "caught_up")
    Made.expectEqual(live, Made.numbers(deployed.data), "a deploy changes nothing that is served")

    let diff = deployed.run("diff", "web", "--json")
    #expect(diff.code == 1, "\(diff.errors)")
    let hours = ["--from", "2026-03-03T09:00:00Z", "--to", "2026-03-03T13:00:00Z"]
    let funnelDiff = Program.run(
      ["diff", "web", "--view", "checkout", "--json", "--config", deployed.configuration] + hours)
    let funnels = quarters(deployed.data)
    #expect(deployed.run("promote", "web").code == 0)
    let promoted = Made.numbers(deployed.data)
    let otherFunnels = quarters(deployed.data)
    #expect(deployed.run("rollback", "web", "--json").json["generation"] as? Int == 1)
    Made.expectEqual(live, Made.numbers(deployed.data), "a rollback restores the old numbers")

    let views = diff.json["views"] as? [[String: Any]] ?? []
    for view in views where view["view"] as? String != "checkout" {
      let name = view["view"]! as! String
      var expected = Counts()
      for grain in ["minute", "hour", "day"] {
        expected.add(naive(live["\(name) by \(grain)"]!), naive(promoted["\(name) by \(grain)"]!))
      }
      #expect(Counts(view) == expected, "\(name)")
      #expect(expected.changed > 0, "the change shows in \(name)")
      for mover in view["largest"] as? [[String: Any]] ?? [] { check(mover, name, live, promoted) }
    }
    var expected = Counts()
    expected.add(funnels, otherFunnels)
    let of = (funnelDiff.json["views"] as? [[String: Any]] ?? []).map(Counts.init)
    #expect(of == [expected])
    #expect(expected.changed > 0)
  }

  /// Cells of measures that add up: what both definitions share is compared, the new dimension added up.
  @Test func anAddedDimensionIsAddedUp() {
    let deployed = Deployed(events: 5_000)
    #expect(deployed.run("deploy", deployed.file("b.yaml", osAsWell)).code == 0)
    let diff = deployed.run("diff", "web", "1", "2", "--json")
    #expect(diff.code == 0, "nothing else is different: \(diff.output.prefix(2_000)) \(diff.errors)")
    let traffic = (diff.json["views"] as? [[String: Any]] ?? [])[0]
    #expect(traffic["compared_dimensions"] as? [String] == ["event_type", "geo.country", "device.type"])
    #expect((traffic["only_in_b"] as? [String: Any])?["dimensions"] as? [String] == ["device.os"])
    #expect(Counts(traffic).equal > 1_000)
    #expect(deployed.run("diff", "web", "1", "9").code == 2, "trouble is neither equal nor different")
    #expect(deployed.run("diff", "web", "--view", "none").code == 2)
  }

  @Test func whatIsNotCaughtUpIsNotPromoted() {
    let deployed = Deployed(events: 5_000)
    #expect(deployed.run("promote", "web").code == 1, "there is nothing to promote")
    #expect(deployed.run("rollback", "web").code == 1, "nor to go back to")
    #expect(deployed.run("deploy", deployed.file("b.yaml", shorterGap)).code == 0)
    let more = deployed.run(
      "import", Made.events(deployed.scratch, "more.ndjson", count: 1_000, seed: 8), "--allow-late")
    #expect(more.code == 0, "\(more.errors)")
    let early = deployed.run("promote", "web")
    #expect(early.code == 1)
    #expect(early.errors.contains("not caught up"), "\(early.errors)")
    let again = deployed.run("deploy", deployed.file("b.yaml", shorterGap), "--promote-when-caught-up", "--json").json
    #expect(again["generation"] as? Int == 2)
    #expect(again["resumed"] as? Bool == true)
    #expect(again["state"] as? String == "live")
    #expect(deployed.run("drop", "web", "2").code == 1, "what is served is not dropped")
    #expect(deployed.run("drop", "web", "1").code == 0)
    #expect(deployed.run("rollback", "web").errors.contains("dropped"))
    #expect(deployed.run("deploy", deployed.file("b.yaml", shorterGap), "--json").json["unchanged"] as? Bool == true)
    #expect(deployed.run("verify", "web").code == 0)
  }

  @Test func checkpointsAreGoneBackTo() throws {
    let deployed = Deployed(events: 5_000)
    let before = Made.numbers(deployed.data)
    #expect(deployed.run("checkpoint", "restore", "web").code == 1, "there is none yet")
    #expect(deployed.run("checkpoint", "create", "web", "--json").json["checkpoint"] as? Int == 1)
    let more = deployed.run(
      "import", Made.events(deployed.scratch, "more.ndjson", count: 1_000, seed: 8), "--allow-late")
    #expect(more.code == 0, "\(more.errors)")
    #expect(deployed.run("run", Made.topology).code == 0)
    let after = Made.numbers(deployed.data)
    #expect(deployed.run("checkpoint", "create", "web").code == 0)
    #expect(deployed.run("checkpoint", "restore", "web", "--id", "1").code == 0)
    Made.expectEqual(before, Made.numbers(deployed.data), "restored")
    #expect(deployed.run("run", Made.topology).code == 0)
    Made.expectEqual(after, Made.numbers(deployed.data), "restored and read on")
    #expect(deployed.run("verify", "web").code == 0)

    // To another directory with the same log.
    let (copy, exported) = (deployed.scratch.path("copy"), deployed.scratch.path("exported"))
    #expect(deployed.run("checkpoint", "export", "web", exported, "--id", "1").code == 0)
    try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: "\(deployed.data)/log", toPath: "\(copy)/log")
    #expect(Program.run("checkpoint", "import", exported, "--data", copy).code == 0)
    Made.expectEqual(before, Made.numbers(copy), "imported")
    #expect(Program.run("run", Made.topology, "--data", copy).code == 0)
    Made.expectEqual(after, Made.numbers(copy), "imported and read on")

    // A damaged copy is found before anything is replaced.
    let file =
      "\(exported)/p-1/"
      + (try FileManager.default.contentsOfDirectory(atPath: "\(exported)/p-1").first {
        $0.hasSuffix(".sst") || $0.hasSuffix(".log")
      })!
    var bytes = try Data(contentsOf: URL(filePath: file))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(filePath: file))
    let damaged = Program.run("checkpoint", "import", exported, "--data", deployed.scratch.path("third"))
    #expect(damaged.code == 2)
    #expect(damaged.errors.contains("another content"), "\(damaged.errors)")
    #expect(deployed.run("checkpoint", "create", "web", "--keep", "1").code == 0)
    let left = deployed.run("checkpoint", "list", "web", "--json").json["checkpoints"] as? [Any]
    #expect(left?.count == 1)
  }

  /// With one kept beside the live one and the one before it, the third is removed.
  @Test func oldGenerationsAreKeptByCount() {
    let deployed = Deployed(events: 2_000)
    for round in 2...5 {
      #expect(deployed.run("replay", "web", "--promote-when-caught-up").code == 0, "round \(round)")
    }
    let topologies = deployed.run("status", "--json").json["topologies"] as? [[String: Any]] ?? []
    let listed = topologies[0]["generations"] as? [[String: Any]] ?? []
    #expect(listed.map { "\($0["generation"]!) \($0["state"]!)" } == ["3 retired", "4 previous", "5 live"])
  }

  /// The short form of `scripts/soak-generations`.
  @Test func killedAtAnyMomentEveryCommandGoesOn() {
    let deployed = Deployed(events: 60_000)
    let before = Made.numbers(deployed.data)
    let file = deployed.file("b.yaml", shorterGap)
    var killer = Killer(seed: 5)
    let killed = killer.kill(
      12, within: 0.15,
      ["deploy", file, "--promote-when-caught-up", "--config", deployed.configuration, "--threads", "1"],
      deployed.scratch)
    #expect(killed > 0, "the machine was too fast for the test to kill anything")
    // Killed between taking a number and making the directory, a number is left out.
    let made = deployed.run("deploy", file, "--promote-when-caught-up", "--json").json["generation"] as? Int ?? 0
    #expect(made >= 2)
    let after = Made.numbers(deployed.data)
    #expect(after["visits by hour"] != before["visits by hour"])
    #expect(after["traffic by hour"] == before["traffic by hour"])
    #expect(deployed.run("verify", "web").code == 0)
    for _ in 0..<6 {
      for (verb, expected) in [("rollback", before), ("promote", after)] {
        // Either it was done or it was not; asked once more it is, and the numbers are whole.
        let number = verb == "rollback" ? [] : ["\(made)"]
        let words = [verb, "web"] + number + ["--config", deployed.configuration]
        killer.kill(1, within: 0.06, words, deployed.scratch)
        let live =
          (deployed.run("status", "--json").json["topologies"] as? [[String: Any]] ?? [])[0]["generation"] as? Int
        if live != (verb == "rollback" ? 1 : made) { #expect(Program.run(words).code == 0) }
        Made.expectEqual(expected, Made.numbers(deployed.data), verb)
      }
    }
    killer.kill(4, within: 0.3, ["verify", "web", "--config", deployed.configuration], deployed.scratch)
    #expect(deployed.run("verify", "web").code == 0)
    let left = try? FileManager.default.contentsOfDirectory(atPath: "\(deployed.data)/topologies/web")
    #expect(left?.sorted() == ["current", "gen-1", "gen-\(made)", "last"])
  }

  /// Of a log whose beginning is gone, nothing gets silently smaller. Seven days less a fifth, less horizon, gap and within,
  /// leave the last day.
  @Test func aShorterLogIsSaidSo() {
    let deployed = Deployed(events: 60_000)
    let live = Made.numbers(deployed.data)
    #expect(removeFirst(5, of: deployed.data) > 0)
    let file = deployed.file("b.yaml", shorterGap)
    let plan = deployed.run("plan", file, "--json").json
    #expect(plan["exact_from"] as? String != nil)
    #expect(plan["events"] as? Int ?? 0 < deployed.events)
    let verified = deployed.run("verify", "web", "--json")
    #expect(verified.code == 0, "\(verified.output) \(verified.errors)")
    #expect(verified.json["exact_from"] as? String == plan["exact_from"].map { _ in exactOfTheSame(deployed) })
    #expect(verified.json["not_compared"] as? Int ?? 0 > 0)
    #expect(verified.json["cells"] as? Int ?? 0 > 0)
    #expect(deployed.run("deploy", file).code == 0)
    let diff = deployed.run("diff", "web", "--json").json
    let traffic = (diff["views"] as? [[String: Any]] ?? [])[0]
    #expect(traffic["not_rebuilt"] as? Int ?? 0 > 0)
    #expect(Counts(traffic).changed + Counts(traffic).removed + Counts(traffic).added == 0, "\(Counts(traffic))")
    let refused = deployed.run("promote", "web")
    #expect(refused.code == 1)
    #expect(refused.errors.contains("--accept-shorter-history"), "\(refused.errors)")
    Made.expectEqual(live, Made.numbers(deployed.data), "nothing happened to what is served")
    #expect(deployed.run("promote", "web", "--accept-shorter-history").code == 0)
    #expect(deployed.run("verify", "web").code == 0, "from where it began, it is what its log gives")
    #expect(deployed.run("rollback", "web").code == 0)
    Made.expectEqual(live, Made.numbers(deployed.data), "and back")
  }

  /// Half of thirty days is gone. What is exact is what the whole log gave, to the digit; what is not is said to be so; and
  /// nobody gets there without having been told.
  @Test func halfALogMakesNoNumberSilentlySmaller() throws {
    let deployed = Deployed(events: 90_000, days: 30)
    let file = deployed.file("b.yaml", shorterGap)
    let whole = deployed.scratch.path("whole")
    #expect(shell("mkdir -p \(whole) && cp -r \(deployed.data)/log \(whole)/log") == 0)
    #expect(Program.run("run", file, "--data", whole).code == 0)
    let expected = Made.numbers(whole)
    let live = Made.numbers(deployed.data)
    #expect(removeFirst(2, of: deployed.data) > 10)

    let server = Served([Made.topology, "--config", deployed.configuration])
    server.waitUntilReady()
    let asked = { (words: [String]) in Program.run(words + ["--server", server.url]) }
    let plan = asked(["plan", file, "--json"]).json
    let exact = try #require(plan["exact_from"] as? String)
    #expect(exact > "2026-02-12" && exact < "2026-03-06", "half of the days, and what a late event reaches: \(exact)")
    #expect(asked(["plan", file]).output.contains("buckets are exact from \(exact) on"))
    #expect(asked(["deploy", file, "--promote-when-caught-up"]).code != 0, "that would be silent")
    let diff = asked(["diff", "web", "--json"]).json
    #expect(diff["exact_from"] as? String == exact)
    for view in diff["views"] as? [[String: Any]] ?? [] {
      #expect(view["not_rebuilt"] as? Int ?? 0 > 0 && view["equal"] as? Int ?? 0 > 0, "\(view)")
      if view["view"] as? String != "visits" {
        #expect(Counts(view).changed + Counts(view).added + Counts(view).removed == 0, "\(view)")
      }
    }
    let verified = asked(["verify", "web", "--json"])
    #expect(verified.code == 0 && verified.json["not_compared"] as? Int ?? 0 > 0, "\(verified.output)")
    let refused = asked(["promote", "web"])
    #expect(refused.code == 1 && refused.errors.contains("--accept-shorter-history"), "\(refused.errors)")
    #expect(asked(["promote", "web", "--accept-shorter-history"]).code == 0)
    let answer = server.get("/query?view=visits&metric=sessions&granularity=day")
    #expect(answer.json["incomplete_before"] as? String == exact, "\(answer.body.suffix(300))")
    #expect(asked(["verify", "web"]).code == 0, "from where it began, it is what its log gives")
    #expect(server.end(SIGTERM) == 0, "\(server.errors)")

    let promoted = Made.numbers(deployed.data)
    for (name, text) in expected where name != "checkout" {
      let column = text.split(separator: "\r\n")[0].split(separator: ",").firstIndex(of: "bucket")!
      let rows = { (text: String?) in
        (text ?? "").split(separator: "\r\n").dropFirst().filter { $0.split(separator: ",")[column] >= exact }
      }
      #expect(rows(text) == rows(promoted[name]) && rows(text).count > 10, "\(name)")
      #expect(
        text != promoted[name] || name.hasSuffix("minute"), "\(name) has lost its beginning, or nothing was removed")
    }
    #expect(deployed.run("rollback", "web").code == 0)
    Made.expectEqual(live, Made.numbers(deployed.data), "and back")
  }

  /// On made-up events; the real ones of two of them are `RealDataTests`' work.
  @Test func everyShippedTopologyIsWhatItsLogGives() throws {
    let scratch = Scratch()
    let input = Made.events(scratch, "e.ndjson", count: 5_000, ["--hostile", "0.01", "--very-late", "0.01"])
    let directory = Program.root.appending(path: "topologies").path
    let files = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".yaml") }
    #expect(files.count >= 3)
    #expect(Program.run("import", input, "--allow-late", "--data", scratch.path("data")).code == 0)
    for file in files {
      #expect(Program.run("run", "topologies/\(file)", "--data", scratch.path("data")).code == 0)
      let verified = Program.run("verify", String(file.dropLast(5)), "--data", scratch.path("data"), "--json")
      #expect(verified.code == 0, "\(file): \(verified.output) \(verified.errors)")
      #expect(verified.json["differing"] as? Int == 0 && verified.json["cells"] as? Int ?? 0 > 100, "\(file)")
    }
  }

  private func exactOfTheSame(_ deployed: Deployed) -> String? {
    deployed.run(
      "plan",
      deployed.file(
        "c.yaml", [("device.type]\n      measures:\n        sessions", "device.os]\n      measures:\n        sessions")]
      ), "--json"
    )
    .json["exact_from"] as? String
  }

  @Test func filesAreReadAgain() {
    let scratch = Scratch()
    let input = Made.events(scratch, "e.ndjson", count: 5_000)
    let data = scratch.path("data")
    #expect(Program.run("run", Made.topology, "--input", input, "--data", data).code == 0)
    #expect(Program.run("verify", "web", "--data", data).code == 0)
    #expect(Program.run("replay", "web", "--data", data).code == 0)
    #expect(Program.run("diff", "web", "--data", data).code == 0)
    #expect(Program.run("promote", "web", "--data", data).code == 0)
    #expect(Program.run("verify", "web", "--data", data).code == 0)
  }

  /// Retention removes whole segments of 64 KiB; here the files go, as if it had.
  private func removeFirst(_ part: Int, of data: String) -> Int {
    var removed = 0
    for partition in 0..<3 {
      let home = "\(data)/log/events/p-00\(partition)"
      let segments = ((try? FileManager.default.contentsOfDirectory(atPath: home)) ?? []).filter {
        $0.hasSuffix(".seg")
      }.sorted()
      for name in segments.prefix(segments.count / part) {
        try! FileManager.default.removeItem(atPath: "\(home)/\(name)")
        removed += 1
      }
    }
    return removed
  }

  /// CSV rows by everything that is not a measure.
  private func naive(_ csv: String) -> [String: String] {
    let lines = csv.split(separator: "\r\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
    let measures = lines[0].contains("events") && lines[0].contains("event_type") ? 4 : 4
    return Dictionary(
      uniqueKeysWithValues: lines.dropFirst().map {
        ($0.dropLast(measures).joined(separator: ","), $0.suffix(measures).joined(separator: ","))
      })
  }

  /// The funnel's steps of sixteen quarter hours, in total and by country, asked one by one.
  private func quarters(_ data: String) -> [String: String] {
    var rows: [String: String] = [:]
    for quarter in 0..<16 {
      let time = { (number: Int) in
        let minutes = 9 * 60 + number * 15
        return
          "2026-03-03T\(minutes / 60 < 10 ? "0" : "")\(minutes / 60):\(minutes % 60 == 0 ? "00" : "\(minutes % 60)"):00Z"
      }
      let answer = Program.run(
        "funnel", "checkout", "--by", "--start", time(quarter), "--end", time(quarter + 1), "--data", data, "--json"
      ).json
      let text = { (steps: Any?) in
        (steps as? [[String: Any]] ?? []).map {
          "\($0["users_completed"] ?? "") \($0["median_seconds_from_previous"] ?? "")"
        }.joined(separator: " ")
      }
      let total = text(answer["steps"])
      if !total.hasPrefix("0 ") { rows["\(quarter)"] = total }
      for row in answer["breakdown"] as? [[String: Any]] ?? [] {
        rows["\(quarter) \(row["value"] ?? row["geo.country"] ?? "")"] = text(row["steps"])
      }
    }
    return rows
  }

  /// A mover's two values are those of the exports.
  private func check(
    _ mover: [String: Any], _ view: String, _ live: [String: String], _ promoted: [String: String]
  ) {
    let grain = mover["grain"] as? String ?? ""
    let dimensions = mover["dimensions"] as? [String: Any] ?? [:]
    for (side, numbers) in [("a", live), ("b", promoted)] {
      let lines = numbers["\(view) by \(grain)"]!.split(separator: "\r\n")
      let header = lines[0].split(separator: ",").map(String.init)
      let prefix = header.dropLast(4).map { name in
        name == "bucket" ? mover["bucket"] as? String ?? "" : dimensions[name] as? String ?? ""
      }
      let row = lines.first { $0.hasPrefix(prefix.joined(separator: ",") + ",") }
      let column = header.firstIndex(of: mover["measure"] as? String ?? "")!
      let exported = row.map { String($0.split(separator: ",", omittingEmptySubsequences: false)[column]) }
      let said = (mover[side] as? NSNumber)?.doubleValue
      #expect(exported.flatMap { Double($0) } == said, "\(mover) \(side): \(exported ?? "no row")")
    }
  }
}

private struct Counts: Equatable {
  var equal = 0
  var changed = 0
  var added = 0
  var removed = 0

  init() {}

  init(_ view: [String: Any]) {
    equal = view["equal"] as? Int ?? -1
    changed = view["changed"] as? Int ?? -1
    added = view["added"] as? Int ?? -1
    removed = view["removed"] as? Int ?? -1
  }

  mutating func add(_ a: [String: String], _ b: [String: String]) {
    for (key, value) in a {
      if let other = b[key] { if other == value { equal += 1 } else { changed += 1 } } else { removed += 1 }
    }
    added += b.keys.filter { a[$0] == nil }.count
  }
}
