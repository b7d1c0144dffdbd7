import Basics
import Runtime
import Synchronization
import Testing

@testable import Service

/// Goal: what can be asked beside the metric comes in exactly the promised shape, and pages are of one answer. Method: as for
/// queries.
@Suite struct QueryShapes {
  private let end = #""freshness_seconds":0,"complete_until":"T","generation":1,"offsets":{"0":7,"1":2}"#
  private let day: [(name: String, value: String)] = [
    ("metric", "events"), ("start_time", "2026-03-01T11:00:00Z"), ("end_time", "2026-03-01T15:00:00Z"),
  ]

  @Test func weeksAndMonthsBeginWhereTheZoneSaysSo() throws {
    let test = try TestNode()
    for (granularity, zone, bucket) in [
      // The first of March 2026 was a Sunday, in Auckland already a Monday.
      ("week", "UTC", "2026-02-23T00:00:00Z"), ("week", "Pacific/Auckland", "2026-03-01T11:00:00Z"),
      ("month", "UTC", "2026-03-01T00:00:00Z"), ("month", "Asia/Kathmandu", "2026-02-28T18:15:00Z"),
    ] {
      let query = [("metric", "users"), ("granularity", granularity), ("timezone", zone), ("view", "traffic")]
      #expect(
        test.text("/query", query).hasPrefix(
          #"{"data":[{"timestamp":"\#(bucket)","value":3,"dimensions":{}}],"next_cursor":null,"#), "\(query)")
    }
  }

  @Test func gapsAreFilledForEachGroup() throws {
    let test = try TestNode()
    let fill = [("fill", "zero")]
    #expect(values(test, day + fill) == ["0", "5", "1", "0"])
    #expect(values(test, [("metric", "price")] + day.dropFirst() + fill) == ["null", "19.900000", "null", "null"])
    #expect(values(test, [("metric", "revenue")] + day.dropFirst() + fill) == ["0.00", "19.90", "0.00", "0.00"])
    #expect(
      values(test, day + fill + [("group_by", "geo.country")])
        == ["0", "0", "0", "1", "3", "1", "0", "0", "1", "0", "0", "0"])
  }

  @Test func rowsComeByValue() throws {
    let test = try TestNode()
    let group = [("group_by", "geo.country")]
    #expect(values(test, day + group + [("order", "-value")]) == ["3", "1", "1", "1"])
    #expect(
      matches(#"(?<="geo.country":)[^}]+"#, test.get("/query", day + group + [("order", "value")]).body)
        == ["null", "\"FR\"", "\"FR\"", "\"DE\""])
    #expect(values(test, [("metric", "price"), ("order", "value")]) == ["19.900000", "null"])
  }

  @Test func theRestIsExact() throws {
    let test = try TestNode()
    let query = [
      ("metric", "users"), ("view", "traffic"), ("group_by", "event_type,geo.country"), ("top", "1"), ("other", "true"),
    ]
    let rows = [
      #"{"timestamp":"2026-03-01T12:00:00Z","value":1,"dimensions":{"event_type":"add_to_cart","geo.country":"DE"}}"#,
      // Three users, of whom one is there with two groups.
      #"{"timestamp":"2026-03-01T12:00:00Z","value":3,"dimensions":{"event_type":null,"geo.country":null},"other":true}"#,
      #"{"timestamp":"2026-03-01T13:00:00Z","value":1,"dimensions":{"event_type":null,"geo.country":null},"other":true}"#,
    ]
    #expect(test.text("/query", query) == "{\"data\":[\(rows.joined(separator: ","))],\"next_cursor\":null,\(end)}\n")
    #expect(values(test, Array(query.dropLast())) == ["1"])
  }

  @Test func thePeriodBeforeStandsBesideIt() throws {
    let test = try TestNode()
    let query = [
      ("metric", "events"), ("start_time", "2026-03-01T13:00:00Z"), ("end_time", "2026-03-01T14:00:00Z"),
      ("compare_to", "previous_period"),
    ]
    #expect(
      test.text("/query", query)
        == #"{"data":[{"timestamp":"2026-03-01T13:00:00Z","value":1,"previous":5,"dimensions":{}}],"next_cursor":null,"#
        + #""compared_to":{"start_time":"2026-03-01T12:00:00Z","end_time":"2026-03-01T13:00:00Z"},\#(end)}"# + "\n")
    // Whole months are compared with months, a day less or more.
    let month = [
      ("metric", "events"), ("granularity", "month"), ("start_time", "2026-03-01"), ("end_time", "2026-04-01"),
      ("compare_to", "previous_period"), ("format", "csv"),
    ]
    #expect(test.get("/query", month).body == "time,events,previous\r\n2026-03-01T00:00:00Z,6,\r\n")
    #expect(
      test.get("/query", month.dropLast() + [("fill", "zero")]).body.contains(
        #""previous":0,"dimensions":{}}],"next_cursor":null,"compared_to":{"start_time":"2026-02-01T00:00:00Z""#))
  }

  @Test func severalMetricsComeFromOneReading() throws {
    let test = try TestNode()
    func row(_ value: String) -> String {
      #""data":[{"timestamp":"2026-03-01T00:00:00Z","value":\#(value),"dimensions":{}}],"next_cursor":null"#
    }
    let expected =
      #"{"queries":[{"view":"traffic","metric":"events",\#(row("6"))},{"view":"traffic","metric":"revenue",\#(row("19.90"))}],"#
      + "\(end)}\n"
    #expect(post(test, #"{"view":"traffic","metrics":["events","revenue"],"granularity":"day"}"#) == expected)
    #expect(
      post(
        test,
        #"{"queries":[{"metric":"events","granularity":"day","group_by":[]},{"metric":"revenue","granularity":"day"}]}"#
      )
        == expected)
    #expect(
      post(test, #"{"metric":"events","granularity":"day","limit":5,"top":null}"#) == "{\(row("6")),\(end)}\n")
  }

  @Test func bodiesAreRefusedByTheirMembers() throws {
    let test = try TestNode()
    for (body, message) in [
      ("", #"the body is not a JSON object such as {\"metric\":\"events\"}"#),
      ("[]", #"the body is not a JSON object such as {\"metric\":\"events\"}"#),
      (#"{"metric":"events","limit":1.5}"#, "limit: neither text, a whole number, true nor false"),
      (#"{"metric":"events","where":["a"]}"#, "where: neither text, a whole number, true nor false"),
      (#"{"metric":"events","group_by":[1,{}]}"#, "group_by: not an array of names"),
      (#"{"metrics":[]}"#, "metrics: 0 of them; from 1 to 20 are answered at once"),
      (#"{"metrics":["events"],"metric":"users"}"#, "metric: there is 'metrics', too"),
      (#"{"metrics":["events",{}]}"#, "metrics[1]: not a name"),
      (
        #"{"queries":[{"metric":"events"}],"granularity":"day"}"#,
        "'granularity': beside 'queries' there is nothing; each of them says all it asks"
      ),
      (
        #"{"queries":[{"metric":"events"},{"metrik":"users"}]}"#,
        "queries[1]: there is no parameter 'metrik'; did you mean 'metric'?"
      ),
      (
        #"{"queries":[{"metric":"events"},{"metric":"event"}]}"#,
        "queries[1]: metric: topology 'web' has no metric 'event'; did you mean 'events'?"
      ),
      (
        #"{"metrics":["events","users"],"cursor":"0.00000000000000000000000000000000"}"#,
        "cursor: pages are asked for one metric at a time"
      ),
    ] {
      #expect(post(test, body).contains(#""status":400,"detail":"\#(message)""#), "\(body): \(post(test, body))")
    }
    #expect(test.send("POST", "/query", [("metric", "events")], body: "{}").status == 400)
  }

  @Test func rowsAreWrittenAsTheyAreAskedFor() throws {
    let test = try TestNode()
    let query = [("metric", "events"), ("group_by", "geo.country"), ("granularity", "day")]
    let csv = "time,geo.country,events\r\n2026-03-01T00:00:00Z,,1\r\n2026-03-01T00:00:00Z,DE,3\r\n"
    let asked = test.get("/query", query + [("limit", "2")], headers: ["accept": "text/csv, */*;q=0.1"])
    #expect(asked.body == csv)
    #expect(asked.header("Content-Type") == "text/csv; charset=utf-8")
    #expect(asked.header("Millrace-Generation") == "1")
    let cursor = try #require(asked.header("Millrace-Next-Cursor"))
    #expect(
      test.get("/query", query + [("cursor", cursor), ("format", "ndjson")]).body
        == #"{"timestamp":"2026-03-01T00:00:00Z","value":2,"dimensions":{"geo.country":"FR"}}"# + "\n")
    #expect(
      test.get("/query", query + [("top", "1"), ("other", "true"), ("format", "flat")]).body
        == #"[{"time":"2026-03-01T00:00:00Z","geo.country":"DE","events":3,"other":false},"#
        + #"{"time":"2026-03-01T00:00:00Z","geo.country":null,"events":3,"other":true}]"# + "\n")
    #expect(
      test.get("/query", query, headers: ["accept": "application/*"]).header("Content-Type") == "application/json")
    #expect(test.get("/query", query, headers: ["accept": "image/png, text/csv;q=0"]).status == 406)
  }

  @Test func whatHasNotChangedIsNotSentAgain() throws {
    let test = try TestNode()
    let first = test.get("/query", day)
    let tag = try #require(first.header("ETag"))
    let again = test.get("/query", day, headers: ["if-none-match": "\"x\", \(tag)"])
    #expect(again.status == 304 && again.body.isEmpty && again.header("ETag") == tag)
    #expect(again.header("Millrace-Complete-Until") != nil)
    for other in [day + [("fill", "zero")], day + [("limit", "1")], day + [("format", "csv")]] {
      #expect(test.get("/query", other, headers: ["if-none-match": tag]).status == 200)
    }
    try test.append("new", partition: 1)
    while !test.get("/query", day).body.contains(#""value":6"#) {}
    let changed = test.get("/query", day, headers: ["if-none-match": tag])
    #expect(changed.status == 200 && changed.header("ETag") != tag)
  }

  @Test func pagesAreOfOneAnswer() throws {
    let test = try TestNode()
    let query = [("metric", "events"), ("group_by", "geo.country"), ("limit", "1"), ("granularity", "day")]
    let first = test.get("/query", query)
    let cursor = try #require(matches(#"(?<="next_cursor":")[^"]+"#, first.body).first)
    try test.append("new", partition: 1)
    while !test.get("/query", [("metric", "events"), ("granularity", "day")]).body.contains(#""value":7"#) {}
    // As it was: before there was another one.
    let second = test.text("/query", query + [("cursor", cursor)])
    #expect(
      second.hasPrefix(#"{"data":[{"timestamp":"2026-03-01T00:00:00Z","value":3,"dimensions":{"geo.country":"DE"}}]"#))
    #expect(second.contains(#""offsets":{"0":7,"1":2}"#))
    let other = test.get("/query", [("metric", "users")] + query.dropFirst() + [("cursor", cursor)])
    #expect(other.status == 400 && other.body.contains("cursor: it is of another question"))
    // Another process has not kept it, and could not make it again.
    let elsewhere = API(test.node, version: "1").respond(Request("GET", "/query", query: query + [("cursor", cursor)]))
    #expect(elsewhere.status == 410 && elsewhere.body.contains("ask anew"))
    #expect(elsewhere.header("Content-Type") == "application/problem+json")
  }

  @Test func anAnswerThatIsKeptNowhereIsMadeAgainWhileItIsTheSame() throws {
    let test = try TestNode()
    let query = [("metric", "events"), ("group_by", "geo.country"), ("limit", "1")]
    let cursor = try #require(matches(#"(?<="next_cursor":")[^"]+"#, test.get("/query", query).body).first)
    let page = query + [("cursor", cursor)]
    let elsewhere = API(test.node, version: "1").respond(Request("GET", "/query", query: page))
    #expect(timeless(elsewhere.body) == test.text("/query", page))
  }

  @Test func whatIsKeptIsBounded() throws {
    let test = try TestNode()
    let standing = try test.node.topologies[0].reading().standing
    let parameters = try QueryParameters([("metric", "events")])
    let answer = try test.node.topologies[0].reading().answers.query(
      try parameters.request(of: test.node.topologies[0].generation.topology))
    func kept(_ question: String, pages: Bool) -> KeptAnswers.Kept {
      KeptAnswers.Kept(question: question, standing: standing, answer: answer, hasPages: pages)
    }
    let size = kept("", pages: false).byteCount
    let time = Mutex<Int64>(0)
    let answers = KeptAnswers(bytes: size * 2, milliseconds: 100, now: { time.withLock { $0 } })
    let names = ["a", "b", "c", "d"].map { AnswerName(standing, $0) }
    answers.keep(kept("a", pages: true), as: names[0])
    time.withLock { $0 = 1 }
    answers.keep(kept("b", pages: false), as: names[1])
    time.withLock { $0 = 2 }
    answers.keep(kept("c", pages: true), as: names[2])
    #expect(names.map { answers[$0] != nil } == [true, false, true, false])
    time.withLock { $0 = 101 }
    #expect(names.map { answers[$0] != nil } == [false, false, true, false])
    #expect(!KeptAnswers(bytes: size - 1).keep(kept("d", pages: false), as: names[3]))
  }

  @Test func whatTakesTooLongIsRefused() throws {
    let test = try TestNode()
    var api = test.api
    api.queryMilliseconds = 0
    let response = api.respond(Request("GET", "/query", query: day))
    #expect(response.status == 400 && response.body.contains("takes more than 0 s to put together: narrow the range"))
    var request = Request("GET", "/query", query: day)
    request.isGone = { true }
    #expect(test.api.respond(request).status == 503)
  }

  private func post(_ test: TestNode, _ body: String) -> String {
    timeless(test.send("POST", "/query", body: body).body)
  }

  private func values(_ test: TestNode, _ query: [(name: String, value: String)]) -> [String] {
    let response = test.get("/query", query)
    #expect(response.status == 200, "\(response.body)")
    return matches(#"(?<="value":)[^,]+"#, response.body)
  }
}
