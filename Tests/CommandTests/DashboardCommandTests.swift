import Foundation
import Testing

/// Goal: dashboards move between servers and version control as files, unchanged, and nobody's is written over by accident.
/// Method: the shipped program, over a data directory and against a running server.
@Suite struct DashboardCommandTests {
  private let scratch = Scratch()

  private static let text = """
    title: "Shop: today"
    days: 7
    panels:
      - title: Events
        chart: area
        size: half
        query:
          view: traffic
          metric: events
          granularity: day
          group_by: event_type,geo.country
          where: "geo.country in ('DE', 'FR')"
      - title: Checkout
        chart: funnel
        size: full
        funnel:
          view: checkout

    """

  private func ids(_ result: Program.Result) -> [String] {
    (result.json["dashboards"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
  }

  /// - `place`: where the dashboards are.
  private func walk(_ place: [String]) throws {
    let file = scratch.write("today.yaml", DashboardCommandTests.text)
    let made = Program.run(["dashboards", "import", file, "--json"] + place)
    #expect(made.code == 0 && ids(made) == ["today"], "\(made.errors)")
    #expect(ids(Program.run(["dashboards", "list", "--json"] + place)).contains("today"))
    let shown = Program.run(["dashboards", "list"] + place).output
    #expect(shown.contains("Shop: today") && shown.contains("built-in"))
    #expect(Program.run(["dashboards", "export", "today"] + place).output == DashboardCommandTests.text)
    // The same again is no new version; another is only one when that is meant.
    #expect(Program.run(["dashboards", "import", file] + place).code == 0)
    let other = DashboardCommandTests.text.replacing("days: 7", with: "days: 30")
    _ = scratch.write("today.yaml", other)
    let refused = Program.run(["dashboards", "import", file] + place)
    #expect(refused.code == 1 && refused.errors.contains("--replace"))
    let replaced = Program.run(["dashboards", "import", file, "--replace", "--json"] + place)
    let entry = (replaced.json["dashboards"] as? [[String: Any]])?.first
    #expect(replaced.code == 0 && entry?["version"] as? Int == 2, "\(replaced.output) \(replaced.errors)")
    let directory = scratch.path("exported")
    #expect(Program.run(["dashboards", "export", "--output", directory] + place).code == 0)
    #expect(try String(contentsOfFile: "\(directory)/today.yaml", encoding: .utf8) == other)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["today.yaml"])
    try FileManager.default.removeItem(atPath: directory)
    #expect(Program.run(["dashboards", "delete", "today"] + place).code == 0)
    let gone = Program.run(["dashboards", "export", "today"] + place)
    #expect(gone.code == 1 && gone.errors.contains("no dashboard"))
    #expect(Program.run(["dashboards", "delete", "overview"] + place).code == 1, "that one comes with the program")
  }

  @Test func dashboardsMoveAsFiles() throws {
    let data = scratch.path("data")
    let events = Made.events(scratch, "events.ndjson", count: 500)
    #expect(Program.run("import", events, "--data", data).code == 0)
    #expect(Program.run("run", Made.topology, "--data", data).code == 0)
    try walk(["--data", data])
    let wrong = scratch.write("wrong.yaml", DashboardCommandTests.text.replacing("view: traffic", with: "view: trafic"))
    let refused = Program.run(["dashboards", "import", wrong, "--data", data])
    #expect(
      refused.code == 1 && refused.errors.contains("wrong.yaml:8:7: view: topology 'web' has no view 'trafic'"),
      "\(refused.errors)")
    let server = Served([Made.topology, "--data", data])
    try walk(["--server", server.url])
    let unknown = Program.run(["dashboards", "import", wrong, "--server", server.url])
    #expect(unknown.code == 1 && unknown.errors.contains("did you mean 'traffic'?"), "\(unknown.errors)")
    #expect(server.end(SIGTERM) == 0)
  }
}
