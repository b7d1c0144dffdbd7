import Foundation
import Runtime
import Service
import Synchronization
import Testing

/// Goal: generations are built, compared and exchanged while the node answers, and no answer fails or mixes two of them.
/// Method: requests without a server, events appended meanwhile, queries from several threads.
@Suite struct GenerationRequests {
  /// Counts purchases only, so a row tells which generation it is of.
  private static let edited = TestNode.topology.replacing(
    "events: count\n", with: "events: count where event_type = 'purchase'\n")
  private static let path = "/query"
  private static let query = [
    (name: "view", value: "traffic"), (name: "metric", value: "events"), (name: "granularity", value: "day"),
    (name: "group_by", value: "event_type"),
  ]

  private static func object(_ response: Response) -> [String: Any] {
    (try? JSONSerialization.jsonObject(with: Data(response.bytes))) as? [String: Any] ?? [:]
  }

  private static func state(_ test: TestNode, _ id: String) -> String {
    object(test.get("/replays/\(id)"))["state"] as? String ?? ""
  }

  private static func waitFor(_ state: String, _ test: TestNode, _ id: String) {
    let deadline = Date(timeIntervalSinceNow: 180)
    while self.state(test, id) != state, Date() < deadline { usleep(2_000) }
    #expect(self.state(test, id) == state, "\(test.get("/replays/\(id)").body)")
  }

  private static func views(_ response: Response) -> Int? { views(object(response)) }

  private static func views(_ answer: [String: Any]) -> Int? {
    let rows = answer["data"] as? [[String: Any]] ?? []
    let row = rows.first { ($0["dimensions"] as? [String: Any])?["event_type"] as? String == "view_product" }
    return row?["value"] as? Int
  }

  private static func generation(_ response: Response) -> Int? { object(response)["generation"] as? Int }

  private static func deploy(_ test: TestNode, _ query: [(name: String, value: String)] = []) {
    let begun = test.send("POST", "/topologies/web/generations", query, body: edited)
    #expect(begun.status == 202, "\(begun.body)")
    #expect(begun.header("Location") == "/replays/web-2")
  }

  @Test func deployedComparedPromotedAndRolledBack() throws {
    let test = try TestNode()
    let plan = Self.object(test.send("POST", "/topologies/web/plan", body: Self.edited))
    #expect(plan["next"] as? Int == 2)
    #expect(Self.object(test.get("/topologies/web/generations"))["live"] as? Int == 1)
    Self.deploy(test)
    Self.waitFor("caught_up", test, "web-2")
    let diff = test.get("/topologies/web/diff")
    #expect(diff.status == 200, "\(diff.body)")
    let found = Self.object(diff)
    #expect(found["offsets"] as? [Int] == [7, 2])
    let traffic = (found["views"] as? [[String: Any]] ?? []).first { $0["view"] as? String == "traffic" }
    #expect(traffic?["changed"] as? Int ?? 0 > 0)
    let metrics = test.get("/metrics").body
    #expect(metrics.contains("millrace_replay_progress_ratio{topology=\"web\",generation=\"2\"} 1.000"), "\(metrics)")

    let before = Self.views(test.get(Self.path, Self.query))
    #expect(before ?? 0 > 0)
    let promoted = test.send("POST", "/topologies/web/promote")
    #expect(promoted.body == "{\"topology\":\"web\",\"generation\":2,\"replaced\":1,\"dropped\":[]}\n")
    let after = test.get(Self.path, Self.query)
    #expect(Self.generation(after) == 2 && Self.views(after) ?? 0 == 0, "\(after.body)")
    #expect(try Generations(test.node.data, of: "web").live() == 2)
    #expect(test.send("POST", "/topologies/web/rollback").status == 200)
    let back = test.get(Self.path, Self.query)
    #expect(Self.generation(back) == 1 && Self.views(back) == before)
    #expect(test.send("DELETE", "/topologies/web/generations/2").status == 200)
    #expect(test.send("DELETE", "/topologies/web/generations/2").status == 404)
  }

  /// Events arrive and both generations are exchanged again and again under four threads of queries.
  @Test func noQueryFailsOrMixesWhileGenerationsAreExchanged() throws {
    let test = try TestNode()
    Self.deploy(test)
    Self.waitFor("caught_up", test, "web-2")
    let isOver = Mutex(false)
    let wrong = Mutex<[String]>([])
    let seen = Mutex<[Int: Int]>([:])
    let threads = DispatchGroup()
    let api = test.api
    for _ in 0..<4 {
      DispatchQueue.global().async(group: threads) {
        while !isOver.withLock({ $0 }) {
          let answer = api.respond(Request("GET", Self.path, query: Self.query))
          let number = Self.generation(answer) ?? 0
          let views = Self.views(answer) ?? 0
          seen.withLock { $0[number, default: 0] += 1 }
          let isRight = answer.status == 200 && (number == 1 ? views >= 4 : number == 2 && views == 0)
          if !isRight { wrong.withLock { $0.append(answer.body) } }
        }
      }
    }
    for round in 0..<60 {
      try test.append("s\(round)", partition: round % 2)
      let exchange = test.send("POST", round % 2 == 0 ? "/topologies/web/promote" : "/topologies/web/rollback")
      #expect(exchange.status == 200, "\(exchange.body)")
      // On a busy machine the threads may begin late: each generation is asked once before it goes on.
      while round < 2, seen.withLock({ $0[2 - round] == nil }), wrong.withLock({ $0.isEmpty }) { sched_yield() }
    }
    isOver.withLock { $0 = true }
    threads.wait()
    #expect(wrong.withLock { $0 } == [])
    #expect(seen.withLock { $0.keys.sorted() } == [1, 2], "both answered")
    // Both have followed the log all the time.
    let found = Self.object(test.get("/topologies/web/diff", [("a", "1"), ("b", "2"), ("view", "visits")]))
    #expect((found["offsets"] as? [Int])?.reduce(0, +) == 9 + 60, "\(found)")
    let visits = (found["views"] as? [[String: Any]])?.first
    #expect(visits?["changed"] as? Int == 0 && visits?["equal"] as? Int ?? 0 > 0)
  }

  @Test func pausedResumedAndCancelled() throws {
    let test = try TestNode()
    Self.deploy(test)
    #expect(test.send("POST", "/replays/web-2/pause").status == 202)
    #expect(Self.state(test, "web-2") == "paused")
    #expect(test.get("/topologies/web/diff").status == 409)
    #expect(test.send("POST", "/replays/web-2/resume").status == 202)
    Self.waitFor("caught_up", test, "web-2")
    #expect(test.send("POST", "/replays/web-2/cancel").status == 202)
    #expect(Self.state(test, "web-2") == "cancelled")
    #expect(test.send("POST", "/replays/web-2/resume").status == 409)
    #expect(test.send("POST", "/replays/web-1/pause").status == 409, "it is served")
  }

  @Test func servedAsSoonAsItIsBuilt() throws {
    let test = try TestNode()
    Self.deploy(test, [("promote_when_caught_up", "true"), ("max_share", "100")])
    Self.waitFor("live", test, "web-2")
    #expect(Self.generation(test.get(Self.path, Self.query)) == 2)
    let replay = test.send("POST", "/topologies/web/replays")
    #expect(replay.status == 202 && replay.header("Location") == "/replays/web-3", "\(replay.body)")
    Self.waitFor("caught_up", test, "web-3")
    let same = Self.object(test.get("/topologies/web/diff"))
    #expect((same["views"] as? [[String: Any]] ?? []).allSatisfy { $0["changed"] as? Int == 0 })
  }

  @Test func whatIsRefusedSaysWhy() throws {
    let test = try TestNode()
    let status = { (response: Response) in "\(response.status) \(Self.object(response)["detail"] ?? "")" }
    #expect(status(test.get("/topologies/wbe/generations")) == "404 there is no topology 'wbe'; did you mean 'web'?")
    #expect(
      status(test.send("POST", "/topologies/web/generations", body: "topology: web\nviews:\n  a: { rollp: {} }\n"))
        .hasPrefix("400 topology.yaml:3:"))
    #expect(test.send("POST", "/topologies/web/generations").status == 400)
    #expect(
      status(test.send("POST", "/topologies/web/promote")).hasPrefix("409 topology 'web' has no other generation"))
    #expect(
      status(test.send("POST", "/topologies/web/promote", [("generation", "7")]))
        == "404 topology 'web' has no generation 7; it has 1")
    #expect(status(test.send("POST", "/topologies/web/rollback")).hasPrefix("409 there is nothing to roll back to"))
    #expect(test.send("DELETE", "/topologies/web/generations/1").status == 409)
    #expect(test.get("/replays/web-2").status == 404)
    #expect(test.send("POST", "/topologies/web/promote", [("force", "yes")]).status == 400)
    let other = Self.edited.replacing("topology: web", with: "topology: shop")
    #expect(test.send("POST", "/topologies/web/generations", body: other).status == 409)
    let method = test.send("PUT", "/topologies/web/generations")
    #expect(method.status == 405 && method.header("Allow") == "GET, HEAD, POST")
    #expect(test.send("POST", "/topologies/web/generations", body: TestNode.topology).status == 200, "nothing to build")
  }

  /// The same parameters as members of a JSON object, and what is wrong with them by name.
  @Test func parametersAreTakenAsJSON() throws {
    let test = try TestNode()
    func post(_ path: String, _ body: String, type: String? = "application/json; charset=utf-8") -> Response {
      test.api.respond(Request("POST", path, body: Array(body.utf8), contentType: type))
    }
    func detail(_ response: Response) -> String { "\(response.status) \(Self.object(response)["detail"] ?? "")" }
    func json(_ members: [String: Any]) throws -> String {
      String(decoding: try JSONSerialization.data(withJSONObject: members), as: UTF8.self)
    }
    let generations = "/topologies/web/generations"
    #expect(
      detail(post(generations, "{\"max_share\":500,\"definition\":\"\"}"))
        == "400 max_share: '500' is not a percentage from 1 to 100")
    #expect(
      detail(post(generations, "{\"max_sare\":5}")) == "400 there is no parameter 'max_sare'; did you mean 'max_share'?"
    )
    #expect(
      detail(post(generations, "{\"max_share\":[5]}")) == "400 max_share: neither text, a whole number, true nor false")
    #expect(
      detail(post(generations, "{\"promote_when_caught_up\":1}"))
        == "400 promote_when_caught_up: '1' is neither true nor false")
    #expect(detail(post(generations, "{\"max_share\":5}")).hasPrefix("400 definition: "))
    #expect(detail(post(generations, "topology: web")) == "400 the body is not a JSON object")
    let twice = test.api.respond(
      Request(
        "POST", generations, query: [(name: "max_share", value: "5")], body: Array("{\"max_share\":5}".utf8),
        contentType: "application/json"))
    #expect(detail(twice) == "400 max_share is given twice")
    let plan = post("/topologies/web/plan", try json(["definition": Self.edited, "from": NSNull()]))
    #expect(Self.object(plan)["next"] as? Int == 2, "\(plan.body)")
    let begun = post(
      generations, try json(["definition": Self.edited, "promote_when_caught_up": true, "max_share": 100]))
    #expect(begun.status == 202, "\(begun.body)")
    Self.waitFor("live", test, "web-2")
    // Where no definition comes along, any body is parameters.
    #expect(post("/topologies/web/promote", "{\"generation\":1}", type: nil).status == 200)
    #expect(Self.generation(test.get(Self.path, Self.query)) == 1)
    #expect(detail(post("/topologies/web/replays", "{\"from\":\"yesterday\"}", type: nil)).hasPrefix("400 from: "))
  }

  @Test func checkpointsAndVerificationOfWhatIsServed() throws {
    let test = try TestNode()
    let path = "/topologies/web/checkpoints"
    #expect(Self.object(test.send("POST", path))["checkpoint"] as? Int == 1)
    try test.append("more", partition: 0)
    let deadline = Date(timeIntervalSinceNow: 180)
    while test.node.topologies[0].statuses[0].offset < 8, Date() < deadline { usleep(2_000) }
    let made = test.send("POST", path, [("keep", "1")])
    #expect(Self.object(made)["offsets"] as? [Int] == [8, 2], "\(made.body)")
    let listed = Self.object(test.get(path))["checkpoints"] as? [[String: Any]]
    #expect(listed?.map { $0["checkpoint"] as? Int } == [2])
    #expect(test.send("POST", path, [("keep", "0")]).status == 400)
    #expect(test.send("POST", "\(path)/2/export", [("directory", "here")]).status == 409)
    #expect(test.send("POST", "\(path)/2/export").status == 400)
    #expect(test.send("POST", "\(path)/newest/export", [("directory", "\(test.directory)/exported")]).status == 200)
    #expect(FileManager.default.fileExists(atPath: "\(test.directory)/exported/checkpoint.json"))
    #expect(test.send("POST", "\(path)/2/export", [("directory", "\(test.directory)/exported")]).status == 409)
    let restore = test.send("POST", "\(path)/2/restore")
    #expect(restore.status == 409 && restore.body.contains("stop the server"), "\(restore.body)")
    #expect(test.send("DELETE", "\(path)/1").status == 404)
    #expect(test.send("DELETE", "\(path)/2").status == 200)

    #expect(test.get("/topologies/web/verifications/1").status == 404)
    let asked = test.send("POST", "/topologies/web/verifications")
    #expect(asked.status == 202 && asked.header("Location") == "/topologies/web/verifications/1", "\(asked.body)")
    var found = Self.object(test.get("/topologies/web/verifications/1"))
    while ["waiting", "running"].contains(found["state"] as? String), Date() < deadline {
      usleep(2_000)
      found = Self.object(test.get("/topologies/web/verifications/1"))
    }
    #expect(found["state"] as? String == "equal", "\(found)")
    let result = found["result"] as? [String: Any]
    #expect(result?["offsets"] as? [Int] == [8, 2] && result?["cells"] as? Int ?? 0 > 0)
    #expect(test.send("POST", "/topologies/web/verifications", [("from", "yesterday")]).status == 400)
  }
}
