import Foundation
import Testing

/// Goal: what people do on a page is counted once, whatever becomes of the page and the connection; and what the dashboards show
/// is what the API says. Method: Debian's Chromium without a window, driven by `Python/*.py`; the judge of the first is how often
/// the script did what, of the second the API. Screenshots are left in `.build/screenshots`.
@Suite(.serialized) struct BrowserTests {
  private let scratch = Scratch()

  /// Nil, after saying why, where there is no browser to drive.
  private func python() -> String? {
    let search = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    for name in ["chromium", "chromedriver"]
    where !search.contains(where: { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") }) {
      print("skipped: there is no \(name); scripts/setup --tests installs it")
      return nil
    }
    let peer = Peers.python("selenium==4.27.1")
    if peer.path == nil { print("skipped: selenium cannot be had: \(peer.reason)") }
    return peer.path
  }

  /// Where pictures of what was seen are kept.
  private func screenshot(_ name: String) throws -> String {
    let directory = Program.root.appending(path: ".build/screenshots")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    return directory.appending(path: name).path
  }

  @Test func theTrackerTellsEverythingOnce() throws {
    guard let python = python() else { return }
    let topology = scratch.write(
      "made.yaml",
      """
      topology: made
      source: { topic: events }
      views:
        traffic:
          rollup: { of: events, by: [event_type, anonymous_id, page.path], measures: { events: count }, grains: { day: forever } }
      """)
    let server = Served([topology, "--data", scratch.path("data")])
    let visit = Peers.run(python, "tracker.py", [server.url, "10", try screenshot("tracker.png")])
    guard visit.code == 0 else {
      Issue.record("\(visit.errors.suffix(3_000))")
      return
    }
    let made = try #require(visit.json["made"] as? [String: Int])
    let anonymous = try #require(visit.json["anonymous"] as? String)
    #expect(made.keys.sorted() == ["identify", "page_view", "purchase", "try_button"])
    // What was taken is in the log; a busy machine may count it later.
    var counted: [String: Int] = [:]
    eventually("all that was taken is counted: \(server.errors)") {
      counted = [:]
      // The day may end meanwhile.
      let rows = server.get("/query?metric=events&granularity=day&group_by=event_type,anonymous_id,page.path").json[
        "data"]
      for row in rows as? [[String: Any]] ?? [] {
        let dimensions = row["dimensions"] as? [String: String] ?? [:]
        #expect(dimensions["anonymous_id"] == anonymous && dimensions["page.path"] == "/tracker")
        counted[dimensions["event_type"] ?? "", default: 0] += row["value"] as? Int ?? 0
      }
      return counted.values.reduce(0, +) >= made.values.reduce(0, +)
    }
    #expect(counted == made)
    #expect(server.end(SIGTERM) == 0)
  }

  @Test func dashboardsShowWhatTheAPISays() throws {
    guard let python = python() else { return }
    let data = scratch.path("data")
    let events = Made.events(scratch, "events.ndjson", count: 60_000, ["--days", "9"])
    #expect(Program.run("import", events, "--data", data).code == 0)
    let server = Served([Made.topology, "--data", data])
    server.waitUntilReady()
    let directory = try screenshot("")
    let seen = Peers.run(python, "dashboards.py", [server.url, directory])
    if seen.code != 0 { Issue.record("\(seen.errors.suffix(3_000))") }
    #expect(server.end(SIGTERM) == 0)
  }

  /// The dashboards that come along, over the events of others where they are there.
  @Test(
    .enabled(if: RealData.areThere, "the real event logs are not beside this checkout"),
    arguments: [RealData.store, .travel])
  func shippedDashboardsShowRealEvents(_ real: RealData) throws {
    guard let python = python() else { return }
    let data = scratch.path(real.topology)
    #expect(Program.run("import", real.path, "--data", data).code == 0)
    let server = Served(["topologies/\(real.topology).yaml", "--data", data])
    server.waitUntilReady()
    let seen = Peers.run(python, "shipped.py", [server.url, try screenshot(""), real.topology])
    if seen.code != 0 { Issue.record("\(seen.errors.suffix(3_000))") }
    #expect(server.end(SIGTERM) == 0)
  }
}
