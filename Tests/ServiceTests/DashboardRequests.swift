import Basics
import Dataflow
import Foundation
import Runtime
import Seeded
import Synchronization
import Testing

@testable import Service

/// Goal: a dashboard that was saved is there, whole and unmixed, whoever else saves it and whenever the power goes; and one that
/// could not be drawn is refused, with the place of each mistake. Method: requests to the API, another store over the same
/// directory, and the shipped files.
@Suite struct DashboardRequests {
  private static let good = """
    {"title":"Shop","days":7,"panels":[
      {"title":"Events","chart":"area","query":{"view":"traffic","metric":"events","granularity":"day","group_by":["event_type","geo.country"]}},
      {"title":"Checkout","funnel":{"view":"checkout","by":true},"size":"full"}]}
    """

  private func object(_ response: Response) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(response.bytes)) as? [String: Any], "\(response.body)")
  }

  private func put(_ test: TestNode, _ id: String, _ body: String, _ headers: [String: String] = [:]) -> Response {
    var request = Request("PUT", "/dashboards/\(id)", body: Array(body.utf8))
    request.headers = headers
    return test.api.respond(request)
  }

  @Test func savedDashboardsAreThereWithTheirVersions() throws {
    let test = try TestNode()
    let made = test.send("POST", "/dashboards", body: DashboardRequests.good)
    #expect(made.status == 201 && made.header("Location") == "/dashboards/shop-2", "shop comes with the program")
    let first = try object(made)
    #expect(first["version"] as? Int == 1 && first["built_in"] as? Bool == false)
    #expect(
      made.body.contains(
        #""panels":[{"title":"Events","chart":"area","size":"half","query":{"view":"traffic","metric":"events","granularity":"day","group_by":"event_type,geo.country"}},{"title":"Checkout","chart":"funnel","size":"full","funnel":{"view":"checkout","by":"true"}}]"#
      ), "\(made.body)")
    let read = test.get("/dashboards/shop-2")
    #expect(read.body == made.body && read.header("ETag") == made.header("ETag"))
    let tag = try #require(read.header("ETag"))
    #expect(test.get("/dashboards/shop-2", headers: ["if-none-match": tag]).status == 304)

    // What was read is what may be sent back, and only by who saw the newest version.
    let changed = read.body.replacing("\"title\":\"Shop\"", with: "\"title\":\"Our shop\"")
    #expect(put(test, "shop-2", DashboardRequests.good).status == 428)
    let second = put(test, "shop-2", changed)
    #expect(try second.status == 200 && object(second)["version"] as? Int == 2, "\(second.body)")
    #expect(put(test, "shop-2", changed).status == 409)
    #expect(put(test, "shop-2", DashboardRequests.good, ["if-match": tag]).status == 412)
    #expect(put(test, "shop-2", DashboardRequests.good, ["if-match": second.header("ETag")!]).status == 200)
    #expect(put(test, "absent", DashboardRequests.good, ["if-match": tag]).status == 412)
    #expect(put(test, "made", DashboardRequests.good).status == 201)

    let versions = try #require(object(test.get("/dashboards/shop-2/versions"))["versions"] as? [[String: Any]])
    #expect(versions.map { $0["version"] as? Int } == [3, 2, 1])
    #expect(versions.map { $0["title"] as? String } == ["Shop", "Our shop", "Shop"])
    #expect(try object(test.get("/dashboards/shop-2", [("version", "2")]))["title"] as? String == "Our shop")
    #expect(test.get("/dashboards/shop-2", [("version", "9")]).status == 404)

    // Another process over the same directory has them too.
    let others = Dashboards(in: test.node.data.path)
    #expect(try others.newest("shop-2")?.version == 3)
    #expect(try others.all([]).map(\.id) == ["made", "shop-2"])

    #expect(test.send("DELETE", "/dashboards/shop-2").status == 200)
    let gone = test.get("/dashboards/shp-2")
    #expect(gone.status == 404 && test.get("/dashboards/shop-2").status == 404)
    // A new one of that name has no past, and who saw the old one does not write over it.
    #expect(put(test, "shop-2", changed).status == 201)
    #expect(put(test, "shop-2", changed, ["if-match": tag]).status == 412)
  }

  @Test func whatComesWithTheProgramIsListedWhereItCanBeDrawn() throws {
    let test = try TestNode()
    let listed = try #require(object(test.get("/dashboards"))["dashboards"] as? [[String: Any]])
    // This topology has no devices, so not `overview`.
    #expect(listed.map { $0["id"] as? String } == ["funnel", "realtime"])
    #expect(put(test, "overview", DashboardRequests.good).status == 409)
    #expect(test.send("DELETE", "/dashboards/overview").status == 409)
    #expect(try object(test.get("/dashboards/overview"))["built_in"] as? Bool == true)
    #expect(test.get("/dashboards/overview/versions").status == 200)
  }

  @Test func theShippedOnesFitTheShippedTopologies() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    var topologies: [Topology] = []
    for name in ["web", "shop", "community"] {
      let file = root.appending(path: "topologies/\(name).yaml")
      topologies.append(try Topology.load(text: try String(contentsOf: file, encoding: .utf8), file: file.path))
    }
    let files = try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "config/dashboards").path)
    #expect(Set(files) == Set(Dashboards.builtIn.map { "\($0.id).yaml" }), "each file is part of the program")
    for saved in Dashboards.builtIn {
      let text = try String(contentsOf: root.appending(path: "config/dashboards/\(saved.id).yaml"), encoding: .utf8)
      let file = try Dashboard.load(yaml: text, file: saved.id, topologies: topologies).dashboard
      #expect(file == saved.dashboard)
      let again = try Dashboard.load(yaml: DashboardText.yaml(file), file: saved.id, topologies: topologies)
      #expect(again.dashboard == file)
    }
  }

  @Test func yamlIsTheSameDashboard() throws {
    let test = try TestNode()
    for (number, title) in [
      "plain", "a: b # c", "- \"quoted\" 'twice'", "ünïcode 🌊", "two\nlines\ttab", "true", "7", "{x}", " led by space",
    ].enumerated() {
      var document = try Dashboard.load(json: Array(DashboardRequests.good.utf8), topologies: nil).dashboard
      document.title = title
      document.description = title
      document.topology = "web"
      document.timezone = "Europe/Berlin"
      #expect(put(test, "d\(number)", DashboardText.json(document, version: nil)).status == 201)
      let yaml = test.get("/dashboards/d\(number)", [("format", "yaml")])
      #expect(yaml.header("Content-Type") == "application/yaml")
      #expect(test.get("/dashboards/d\(number)", headers: ["accept": "application/yaml"]).body == yaml.body)
      let read = try Dashboard.load(yaml: yaml.body, file: "d.yaml", topologies: nil).dashboard
      #expect(read == document, "\(yaml.body)")
      let sent = put(test, "y\(number)", yaml.body, ["content-type": "application/yaml"])
      #expect(sent.status == 201, "\(sent.body)")
      #expect(try Dashboards(in: test.node.data.path).newest("y\(number)")?.dashboard == document)
    }
  }

  @Test(arguments: [
    ("[]", "the dashboard: expected a mapping"), ("nonsense", "it is not a JSON document"),
    (#"{"panels":[]}"#, "'title' is missing"),
    (#"{"title":"x","panels":[]}"#, "panels: a dashboard has 1 to 60 panels"),
    (#"{"title":"x","panels":[{"title":"p"}]}"#, "panels[0]: a panel has either a 'query' or a 'funnel'"),
    (
      #"{"title":"x","panels":[{"title":"p","query":{"view":"trafic","metric":"events"}}]}"#,
      "panels[0].query: view: topology 'web' has no view 'trafic'; did you mean 'traffic'?"
    ),
    (
      #"{"title":"x","panels":[{"title":"p","query":{"view":"traffic","metric":"evnts"}}]}"#,
      "panels[0].query: metric: view 'traffic' has no metric 'evnts'; did you mean 'events'?"
    ),
    (
      #"{"title":"x","panels":[{"title":"p","query":{"metric":"events","group_by":"geo.contry"}}]}"#,
      "did you mean 'geo.country'?"
    ),
    (#"{"title":"x","panels":[{"title":"p","query":{"metric":"events","where":"geo.country ="}}]}"#, "where: "),
    (
      #"{"title":"x","panels":[{"title":"p","chart":"lines","query":{"metric":"events"}}]}"#,
      "panels[0].chart: chart: there is no 'lines'; did you mean 'line'?"
    ),
    (
      #"{"title":"x","panels":[{"title":"p","funnel":{"view":"chekout"}}]}"#,
      "panels[0].funnel: view: topology 'web' has no funnel 'chekout'; did you mean 'checkout'?"
    ),
    (
      #"{"title":"x","panels":[{"title":"p","query":{"metric":"events","start_time":"2026-03-01"}}]}"#,
      "panels[0].query.start_time: unknown key 'start_time'"
    ),
    (#"{"title":"x","topology":"wb","panels":[{"title":"p","query":{"metric":"events"}}]}"#, "did you mean 'web'?"),
    (#"{"title":"x","timezone":"Mars","panels":[{"title":"p","query":{"metric":"events"}}]}"#, "timezone: "),
    (#"{"title":"x","days":0,"panels":[{"title":"p","query":{"metric":"events"}}]}"#, "days"),
    (#"{"title":"x","panles":1,"panels":[{"title":"p","query":{"metric":"events"}}]}"#, "unknown key 'panles'"),
    (#"{"id":"No Id","title":"x","panels":[{"title":"p","query":{"metric":"events"}}]}"#, "id: 'No Id'"),
  ])
  func mistakesAreNamedWhereTheyAre(_ body: String, _ message: String) throws {
    let test = try TestNode()
    let response = test.send("POST", "/dashboards", body: body)
    #expect(response.status == 400 && response.header("Content-Type") == "application/problem+json")
    #expect((try object(response)["detail"] as? String)?.contains(message) == true, "\(response.body)")
    #expect(try Dashboards(in: test.node.data.path).all([]).isEmpty)
  }

  @Test func placesInYAMLAreLines() throws {
    let test = try TestNode()
    let yaml = "title: x\npanels:\n  - title: p\n    query: { view: traffic, metric: evnts }\n    chart: pie\n"
    let detail = try object(put(test, "x", yaml, ["content-type": "application/yaml"]))["detail"] as? String
    #expect(
      detail == "dashboard.yaml:4:12: metric: view 'traffic' has no metric 'evnts'; did you mean 'events'?\n"
        + "dashboard.yaml:5:12: chart: there is no 'pie'; expected one of line, area, bar, stacked, doughnut, ranking, number, table",
      "\(detail ?? "")")
  }

  @Test func largeOnesAreRefused() throws {
    let test = try TestNode()
    let long = DashboardRequests.good + String(repeating: " ", count: Dashboard.bytesLimit)
    #expect(test.send("POST", "/dashboards", body: long).status == 400)
    #expect(test.send("PATCH", "/dashboards", body: "").status == 405)
    #expect(test.get("/dashboards/a/b").status == 404)
  }

  @Test func ofManyChangesOfOneVersionOneCounts() throws {
    let test = try TestNode()
    #expect(put(test, "one", DashboardRequests.good).status == 201)
    let api = test.api
    let statuses = Mutex<[Int]>([])
    DispatchQueue.concurrentPerform(iterations: 16) { number in
      let body = DashboardRequests.good.replacing(
        "{\"title\":\"Shop\"", with: "{\"version\":1,\"title\":\"\(number)\"")
      let status = api.respond(Request("PUT", "/dashboards/one", body: Array(body.utf8))).status
      statuses.withLock { $0.append(status) }
    }
    #expect(statuses.withLock { $0.sorted() } == [200] + [Int](repeating: 409, count: 15))
    #expect(try Dashboards(in: test.node.data.path).versions("one").map(\.version) == [2, 1])
  }

  @Test func mutatedBodiesAreRefusedOrKept() throws {
    let test = try TestNode()
    var random = SeededRandom(seed: 7)
    let json = Array(DashboardRequests.good.utf8)
    let yaml = Array(
      DashboardText.yaml(try Dashboard.load(json: json, topologies: nil).dashboard).utf8)
    for number in 0..<400 {
      let isYAML = number % 2 == 1
      var bytes = isYAML ? yaml : json
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: place)
        default: bytes.insert(contentsOf: bytes[place...].prefix(9), at: place)
        }
      }
      var request = Request("PUT", "/dashboards/m\(number)", body: bytes)
      if isYAML { request.headers["content-type"] = "application/yaml" }
      let response = test.api.respond(request)
      #expect(response.status == 201 || response.status == 400, "\(String(decoding: bytes, as: UTF8.self))")
      guard response.status == 201 else { continue }
      let text = test.get("/dashboards/m\(number)", [("format", "yaml")]).body
      let again = try Dashboard.load(yaml: text, file: "again", topologies: nil).dashboard
      #expect(try Dashboards(in: test.node.data.path).newest("m\(number)")?.dashboard == again, "\(text)")
    }
  }

  @Test func deepAndEscapedJSONIsReadOrRefused() throws {
    let test = try TestNode()
    let deep = "{\"title\":\"x\",\"panels\":\(String(repeating: "[", count: 200))\(String(repeating: "]", count: 200))}"
    let refused = test.send("POST", "/dashboards", body: deep)
    #expect(refused.status == 400 && refused.body.contains("more than 32"), "\(refused.body)")
    let escaped = DashboardRequests.good.replacing("\"Shop\"", with: #""\ud83c\udf0a \u00e9 \/""#)
    #expect(try object(test.send("POST", "/dashboards", body: escaped))["title"] as? String == "🌊 é /")
  }
}
