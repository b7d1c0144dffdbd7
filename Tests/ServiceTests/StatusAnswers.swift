import Runtime
import Service
import Testing

/// Goal: an operator sees what runs and how far it is, and the same text from a directory that nobody serves. Method: exact text.
@Suite struct StatusAnswers {
  private let partitions = [
    #"{"partition":0,"state":"running","offset":7,"end":7,"lag":0,"read":7,"counted":4,"duplicates":1,"late":1,"#
      + #""quarantined":1,"quarantined_by_reason":{"invalid_json":1},"collisions":0,"newest_stamp":"2026-03-05T12:00:00Z","#
      + #""memory_bytes":1}"#,
    #"{"partition":1,"state":"running","offset":2,"end":2,"lag":0,"read":2,"counted":2,"duplicates":0,"late":0,"#
      + #""quarantined":0,"quarantined_by_reason":{},"collisions":0,"newest_stamp":"2026-03-01T13:10:01Z","memory_bytes":1}"#,
  ]

  private let views = [
    #"{"name":"traffic","kind":"rollup","of":"events","dimensions":["event_type","geo.country"],"measures":["#
      + #"{"name":"events","definition":"count"},{"name":"users","definition":"distinct(user_id)"},"#
      + #"{"name":"revenue","definition":"sum(properties.amount, scale=2)"},"#
      + #"{"name":"price","definition":"avg(properties.amount)"}],"#
      + #""grains":[{"grain":"minute","retention":"7d"},{"grain":"hour","retention":"90d"},"#
      + #"{"grain":"day","retention":"forever"}]}"#,
    #"{"name":"visits","kind":"rollup","of":"sessions","dimensions":["geo.country"],"#
      + #""measures":[{"name":"sessions","definition":"count"}],"grains":[{"grain":"hour","retention":"90d"}]}"#,
    #"{"name":"checkout","kind":"funnel","steps":[{"name":"view_product","event_type":"view_product"},"#
      + #"{"name":"add_to_cart","event_type":"add_to_cart"},"#
      + #"{"name":"purchase","event_type":"purchase","where":"properties.amount > 1"}],"within":"1d","mode":"default","#
      + #""by":"geo.country","retention":"forever"}"#,
  ]

  private let generations =
    #","generations":[{"generation":1,"state":"live","digest":"D","created_at":"T","caught_up_at":null,"live_since":"T","#
    + #""replaced":null,"exact_from":null,"starts":[{"offset":0,"stamp":null},{"offset":0,"stamp":null}],"begun_from":null,"state_bytes":1,"#
    + #""replay_events_per_second":null}]"#

  private func topology(_ partitions: [String], _ generations: String = "") -> String {
    #"{"name":"web","generation":1,"digest":"D","views":[\#(views.joined(separator: ","))],"#
      + #""partitions":[\#(partitions.joined(separator: ","))],"state_bytes":1\#(generations)}"#
  }

  @Test func topologiesTellViewsAndProgress() throws {
    let test = try TestNode()
    #expect(test.text("/topologies") == "{\"topologies\":[\(topology(partitions, generations))]}\n")
  }

  @Test func aDirectoryAtRestSaysTheSame() throws {
    let test = try TestNode()
    let data = test.node.data
    test.node.stop()
    let offline = try OfflineTopology(data, topology: "web", memory: 64 << 20)
    let expected = partitions.map { partition in
      partition.replacing("\"running\"", with: "\"finished\"").replacing(
        /"end":\d,"lag":0/, with: "\"end\":null,\"lag\":null")
    }
    #expect(timeless(try StatusText.topology(offline)) == topology(expected))
  }

  @Test func aliveAndReady() throws {
    let test = try TestNode()
    #expect(test.get("/healthz").body == "{\"status\":\"alive\"}\n")
    #expect(test.get("/readyz").status == 200)
    #expect(test.get("/readyz").body == "{\"status\":\"ready\",\"stopped\":[]}\n")
  }

  @Test func untilTheLogIsReadItIsNotReady() throws {
    let test = try TestNode(starting: false)
    let response = test.get("/readyz")
    #expect(response.status == 503)
    #expect(response.header("Retry-After") == "5")
    #expect(
      response.body
        == #"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"the log is still being read","#
        + #""missing":[{"topology":"web","partition":0,"offset":0,"end":7},{"topology":"web","partition":1,"offset":0,"end":2}]}"#
        + "\n")
    #expect(test.get("/healthz").status == 200)
  }

  /// Each file a page names is there, and the files those name.
  @Test func pagesFindTheirFiles() throws {
    let test = try TestNode()
    var waiting = ["/", "/tracker"]
    var seen: Set<String> = []
    while let path = waiting.popLast() {
      guard seen.insert(path).inserted else { continue }
      let response = test.get(path)
      // Debian's, where it is installed.
      guard path != "/ui/chart.js" || response.status == 200 else { continue }
      #expect(response.status == 200, "\(path)")
      let tag = try #require(response.header("ETag") ?? (path.hasPrefix("/ui") || path == "/" ? nil : ""))
      if !tag.isEmpty { #expect(test.get(path, headers: ["if-none-match": tag]).status == 304, "\(path)") }
      guard path != "/ui/chart.js", path != "/metrics", path != "/topologies" else { continue }
      waiting += matches(##"(?<=(href|.src)=")/[^"#]*"##, response.body)
      waiting += matches(#"(?<=from "\./)[^"]+"#, response.body).map { "/ui/\($0)" }
    }
    #expect(seen.count > 15, "\(seen)")
  }
}
