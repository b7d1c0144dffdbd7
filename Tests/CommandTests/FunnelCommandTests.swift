import Foundation
import Testing

/// Goal: `millrace funnel --steps` answers what the declared funnel does, from the log, from files and from a server. Method:
/// the shipped program over made-up events; `checkout` of `web.yaml` is the declared one.
@Suite struct FunnelCommandTests {
  private static let checkout = [
    "funnel", "--steps", "view_product", "add_to_cart", "purchase", "--within", "24h", "--by", "geo.country", "--json",
  ]

  /// Members that both have, as text.
  private static func steps(_ answer: [String: Any]) -> String {
    let members = answer.filter { ["steps", "breakdown", "trend"].contains($0.key) }
    let data = try? JSONSerialization.data(withJSONObject: members, options: [.sortedKeys])
    return String(decoding: data ?? Data(), as: UTF8.self)
  }

  @Test func overALogWithAndWithoutAServer() {
    let scratch = Scratch()
    let configuration = Made.configuration(scratch, data: scratch.path("data"))
    let events = Made.events(scratch, "e.ndjson", count: 5_000)
    #expect(Program.run("import", events, "--config", configuration).code == 0)
    let bare = Program.run(FunnelCommandTests.checkout + ["--config", configuration]).json
    #expect((bare["steps"] as? [[String: Any]])?.count == 3, "no topology is needed")
    #expect(Program.run("run", Made.topology, "--config", configuration).code == 0)
    let declared = Program.run("funnel", "checkout", "--by", "--trend", "day", "--config", configuration, "--json").json
    let asked = Program.run(FunnelCommandTests.checkout + ["--trend", "day", "--config", configuration])
    #expect(asked.code == 0, "\(asked.errors)")
    #expect(FunnelCommandTests.steps(asked.json) == FunnelCommandTests.steps(declared))
    #expect(asked.json["events"] as? Int == 5_000)
    // What was computed is kept: by the same name, and with the time at which it was.
    let again = Program.run(FunnelCommandTests.checkout + ["--trend", "day", "--config", configuration]).json
    #expect(again["computed_at"] as? String == asked.json["computed_at"] as? String)
    let work = scratch.file("data/funnels/\(asked.json["funnel_id"]!)/work").path
    #expect(!FileManager.default.fileExists(atPath: work))

    let served = Served([Made.topology, "--config", configuration])
    served.waitUntilReady()
    let server = Program.run(FunnelCommandTests.checkout + ["--trend", "day", "--server", served.url])
    #expect(FunnelCommandTests.steps(server.json) == FunnelCommandTests.steps(declared), "\(server.errors)")
    let fresh = Program.run(
      "funnel", "--steps", "view_product,purchase", "--within", "2h", "--where", "device.type = 'mobile'", "--server",
      served.url, "--json")
    #expect(fresh.code == 0 && fresh.json["state"] as? String == "done", "\(fresh.errors)")
    let user = (served.get("/funnels/checkout/users?step=3").json["users"] as? [String])?.first ?? ""
    let timeline = Program.run("user", user, "--server", served.url).json
    #expect(timeline["user_id"] as? String == user && (timeline["funnels"] as? [Any])?.count == 1)
    #expect(served.end(SIGTERM) == 0)
    let offline = Program.run("user", user, "--config", configuration, "--json").json
    #expect(offline["funnels"] as? NSArray == timeline["funnels"] as? NSArray)
    #expect(Program.run("user", "nobody", "--config", configuration).code == 1)
  }

  /// Killed while it computes, the next process goes on; what is cancelled leaves nothing.
  @Test func aKilledServerGoesOn() {
    let scratch = Scratch()
    let configuration = Made.configuration(scratch, data: scratch.path("data"))
    #expect(Program.run("import", Made.events(scratch, "e.ndjson", count: 20_000), "--config", configuration).code == 0)
    var served = Served([Made.topology, "--config", configuration])
    served.waitUntilReady()
    let body =
      #"{"steps":["view_product","add_to_cart","purchase"],"window_hours":24,"breakdown":"geo.country","trend":"day"}"#
    let ids = ["", #""mode":"strict_increase","#].map { more in
      let text = "{\(more)\(body.dropFirst())"
      return Served.ask("POST", "\(served.url)/funnels", body: Data(text.utf8)).json["funnel_id"] as? String ?? ""
    }
    #expect(served.end(SIGKILL) == -SIGKILL)
    served = Served([Made.topology, "--config", configuration])
    served.waitUntilReady()
    var result = served.get("/funnels/\(ids[0])/results")
    eventually("it is computed: \(served.errors)") {
      result = served.get("/funnels/\(ids[0])/results")
      return result.status == 200
    }
    let declared = served.get("/funnels/checkout/results?by=true&trend=day").json
    #expect(FunnelCommandTests.steps(result.json) == FunnelCommandTests.steps(declared))
    #expect(result.json["events"] as? Int == 20_000)
    #expect(Served.ask("DELETE", "\(served.url)/funnels/\(ids[1])").status == 200)
    #expect(served.get("/funnels/\(ids[1])/results").status == 404)
    #expect(served.end(SIGTERM) == 0)
    let left = try? FileManager.default.subpathsOfDirectory(atPath: scratch.path("data/funnels"))
    #expect(left?.sorted() == [ids[0], "\(ids[0])/question.json", "\(ids[0])/result.json"])
  }

  @Test func overFiles() {
    let scratch = Scratch()
    let events = Made.events(scratch, "e.ndjson", count: 5_000)
    let run = Program.run("run", Made.topology, "--input", events, "--data", scratch.path("data"))
    #expect(run.code == 0, "\(run.errors)")
    let declared = Program.run("funnel", "checkout", "--by", "--data", scratch.path("data"), "--json").json
    for place in [["--input", events, "--partitions", "2"], ["--data", scratch.path("data")]] {
      let asked = Program.run(FunnelCommandTests.checkout + place)
      #expect(asked.code == 0, "\(asked.errors)")
      #expect(FunnelCommandTests.steps(asked.json) == FunnelCommandTests.steps(declared))
      #expect(asked.json["funnel_id"] == nil, "files do not say by an offset what they hold")
    }
    let table = Program.run("funnel", "checkout", "--trend", "day", "--histogram", "--data", scratch.path("data"))
    #expect(table.output.contains("of first") && table.output.contains("course") && table.output.contains("█"))
  }

  @Test func whatDoesNotGoTogetherIsSaid() {
    for (arguments, message) in [
      (["--steps", "a,b", "--by"], "--by takes a field with --steps: --by geo.country"),
      (["checkout", "--steps", "a,b"], "'checkout' is a funnel that is declared, and --steps makes up another"),
      (["checkout", "--within", "1h"], "--within goes with --steps"),
      (["--steps", "a"], "a funnel has 2 to 20 steps, not 1"),
      (["--steps", "a", "b where c"], "steps[1].where: column "),
      (["--steps", "a,b", "--limit", "3"], "limit: is of a breakdown's values"),
    ] {
      let refused = Program.run(["funnel"] + arguments + ["--data", "/nowhere"])
      #expect(refused.code == 1 && refused.errors.contains(message), "\(arguments): \(refused.errors)")
    }
  }
}
