import Basics
import Dataflow
import Runtime
import Service
import Testing

/// Goal: `GET /query` answers in exactly the promised shape. Method: through the seam, against a node that has read its log.
@Suite struct QueryAnswers {
  private let end = #""freshness_seconds":0,"complete_until":"T","generation":1,"offsets":{"0":7,"1":2}"#

  @Test func rowsHaveTimeValueAndDimensions() throws {
    let test = try TestNode()
    let text = test.text(
      "/query",
      [("view", "traffic"), ("metric", "events"), ("granularity", "hour"), ("group_by", "event_type, geo.country")])
    let rows = [
      #"{"timestamp":"2026-03-01T12:00:00Z","value":1,"dimensions":{"event_type":"add_to_cart","geo.country":"DE"}}"#,
      #"{"timestamp":"2026-03-01T12:00:00Z","value":1,"dimensions":{"event_type":"purchase","geo.country":"DE"}}"#,
      #"{"timestamp":"2026-03-01T12:00:00Z","value":1,"dimensions":{"event_type":"view_product","geo.country":null}}"#,
      #"{"timestamp":"2026-03-01T12:00:00Z","value":1,"dimensions":{"event_type":"view_product","geo.country":"DE"}}"#,
      #"{"timestamp":"2026-03-01T12:00:00Z","value":1,"dimensions":{"event_type":"view_product","geo.country":"FR"}}"#,
      #"{"timestamp":"2026-03-01T13:00:00Z","value":1,"dimensions":{"event_type":"view_product","geo.country":"FR"}}"#,
    ]
    #expect(text == "{\"data\":[\(rows.joined(separator: ","))],\"next_cursor\":null,\(end)}\n")
  }

  @Test func onlyTheMetricIsNeeded() throws {
    let test = try TestNode()
    let text = test.text("/query", [("metric", "users"), ("view", ""), ("cursor", "")])
    let rows = [
      #"{"timestamp":"2026-03-01T12:00:00Z","value":3,"dimensions":{}}"#,
      #"{"timestamp":"2026-03-01T13:00:00Z","value":1,"dimensions":{}}"#,
    ]
    #expect(text == "{\"data\":[\(rows.joined(separator: ","))],\"next_cursor\":null,\(end)}\n")
  }

  @Test func valuesAreDecimalTextOrNull() throws {
    let test = try TestNode()
    #expect(values(test, [("metric", "revenue"), ("granularity", "day")]) == ["19.90"])
    #expect(values(test, [("metric", "price"), ("granularity", "hour")]) == ["19.900000", "null"])
  }

  @Test func eventTypeIsAShorthandThatWhereNarrows() throws {
    let test = try TestNode()
    #expect(values(test, [("metric", "events"), ("event_type", "view_product"), ("granularity", "day")]) == ["4"])
    #expect(
      values(
        test,
        [
          ("metric", "events"), ("event_type", "view_product"), ("granularity", "day"),
          ("where", "geo.country = 'FR' or geo.country = 'DE'"),
        ]) == ["3"])
  }

  @Test func boundsAreTimesOrDatesOfTheRowsZone() throws {
    let test = try TestNode()
    let rows: [(String, String, String, [String])] = [
      ("2026-03-01T13:00:00Z", "2026-03-02", "UTC", ["1"]),
      ("2026-03-01T14:00:00+02:00", "2026-03-01T13:00:00Z", "UTC", ["5"]),
      // That day of Honolulu begins at 10:00 UTC and holds everything; Auckland's ended at 11:00.
      ("2026-03-01", "2026-03-02", "Pacific/Honolulu", ["5", "1"]),
      ("2026-03-01", "2026-03-02", "Pacific/Auckland", []),
      ("2026-03-02", "2026-03-03", "Pacific/Auckland", ["5", "1"]),
    ]
    for (start, end, zone, expected) in rows {
      #expect(
        values(test, [("metric", "events"), ("start_time", start), ("end_time", end), ("timezone", zone)]) == expected,
        "\(start) \(end) \(zone)")
    }
  }

  @Test func cursorsWalkThroughAllRowsOnce() throws {
    let test = try TestNode()
    var found: [String] = []
    var cursor = ""
    var pages = 0
    repeat {
      let query = [("metric", "events"), ("group_by", "event_type"), ("limit", "3"), ("cursor", cursor)]
      let body = test.get("/query", query).body
      found += matches(#""event_type":"[a-z_]+""#, body)
      cursor = matches(#"(?<="next_cursor":")[^"]+"#, body).first ?? ""
      pages += 1
    } while !cursor.isEmpty
    #expect(pages == 2)
    #expect(found == ["add_to_cart", "purchase", "view_product", "view_product"].map { "\"event_type\":\"\($0)\"" })
  }

  @Test func sessionRowsSayFromWhenTheyAreProvisional() throws {
    let test = try TestNode()
    let rows = [
      #"{"timestamp":"2026-03-01T12:00:00Z","value":3,"dimensions":{}}"#,
      #"{"timestamp":"2026-03-01T13:00:00Z","value":1,"dimensions":{}}"#,
    ]
    #expect(
      test.text("/query", [("metric", "sessions")])
        == "{\"data\":[\(rows.joined(separator: ","))],\"next_cursor\":null,\(end),\"provisional_from\":\"T\"}\n")
    // The times themselves, which the line above takes out.
    let topology = test.node.topologies[0]
    var reading = try topology.reading()
    reading.takenAt = 1_772_366_402_500
    reading.completeUntil = 1_772_366_400_000
    let parameters = try QueryParameters([("metric", "sessions"), ("start_time", "2026-03-02")])
    let answer = try reading.answers.query(try parameters.request(of: topology.generation.topology))
    let page = QueryPage(answer, name: AnswerName(reading.standing, parameters.question), offset: 0, limit: 10)
    #expect(
      QueryText.json(reading.standing, page)
        == #"{"data":[],"next_cursor":null,"freshness_seconds":2,"complete_until":"2026-03-01T12:00:00Z","generation":1,"#
        + #""offsets":{"0":7,"1":2},"provisional_from":"2026-03-01T11:30:00Z"}"#)
    reading.completeUntil = nil
    #expect(
      QueryText.json(reading.standing, page)
        == #"{"data":[],"next_cursor":null,"freshness_seconds":null,"complete_until":null,"generation":1,"#
        + #""offsets":{"0":7,"1":2},"provisional_from":null}"#)
  }

  private func values(_ test: TestNode, _ query: [(name: String, value: String)]) -> [String] {
    let response = test.get("/query", query)
    #expect(response.status == 200, "\(response.body)")
    return matches(#"(?<="value":)[^,]+"#, response.body)
  }
}
