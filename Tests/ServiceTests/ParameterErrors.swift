import Service
import Testing

/// Goal: whoever asks wrongly is told which parameter, and what is meant. Method: a table of requests and messages.
@Suite struct ParameterErrors {
  @Test func messagesNameTheParameter() throws {
    let test = try TestNode()
    let query: [([(name: String, value: String)], String)] = [
      ([], "metric is missing: name a measure of a view"),
      ([("metrik", "events")], "there is no parameter 'metrik'; did you mean 'metric'?"),
      ([("metric", "events"), ("metric", "users")], "metric is given twice"),
      ([("metric", "event")], "metric: topology 'web' has no metric 'event'; did you mean 'events'?"),
      (
        [("metric", "sessions"), ("view", "traffic")],
        "metric: view 'traffic' has no metric 'sessions'; expected one of events, users, revenue, price"
      ),
      (
        [("metric", "events"), ("view", "trafic")], "view: topology 'web' has no view 'trafic'; did you mean 'traffic'?"
      ),
      ([("metric", "events"), ("view", "checkout")], "view: 'checkout' is a funnel, which has steps and no metrics"),
      ([("metric", "events"), ("topology", "app")], "there is no topology 'app'; there is web"),
      ([("metric", "events"), ("granularity", "hours")], "granularity: there is no 'hours'; did you mean 'hour'?"),
      (
        [("metric", "sessions"), ("granularity", "minute")],
        "view 'visits' keeps no grain as fine as minute; it keeps hour"
      ),
      (
        [("metric", "events"), ("group_by", "geo.contry")],
        "group_by: 'geo.contry' is not a dimension of view 'traffic'; did you mean 'geo.country'?"
      ),
      (
        [("metric", "events"), ("group_by", "event_type,")],
        "group_by: a name is missing between the commas of 'event_type,'"
      ),
      ([("metric", "events"), ("group_by", "event_type,event_type")], "group_by: 'event_type' is given twice"),
      (
        [("metric", "sessions"), ("event_type", "x")],
        "event_type: 'event_type' is not a dimension of view 'visits'; expected geo.country"
      ),
      (
        [("metric", "events"), ("where", "geo.country == 'DE'")],
        "where: column 13: unexpected '='; equality is one '='"
      ),
      (
        [("metric", "events"), ("where", "device.type = 'tv'")],
        "where: 'device.type' is not a dimension of this view; there is event_type, geo.country"
      ),
      (
        [("metric", "events"), ("start_time", "yesterday")],
        "start_time: 'yesterday' is not a time such as 2026-03-01T12:00:00Z or a date such as 2026-03-01"
      ),
      (
        [("metric", "events"), ("end_time", "2026-03-01T12:00:00 02:00")],
        "end_time: '2026-03-01T12:00:00 02:00' is not a time such as 2026-03-01T12:00:00Z or a date such as 2026-03-01 "
          + "(a + in a URL is written %2B)"
      ),
      (
        [("metric", "events"), ("start_time", "2026-03-02"), ("end_time", "2026-03-02")],
        "start_time is not before end_time: rows from start_time on and before end_time are shown"
      ),
      (
        [("metric", "events"), ("timezone", "Europe/Berlim")],
        "timezone: 'Europe/Berlim' is not an IANA time zone such as Europe/Berlin"
      ),
      (
        [("metric", "events"), ("timezone", "GMT+05:07")],
        "timezone: 'GMT+05:07' is not an IANA time zone such as Europe/Berlin"
      ),
      ([("metric", "events"), ("limit", "0")], "limit: '0' is not a number of rows from 1 to 100,000"),
      ([("metric", "events"), ("limit", "100001")], "limit: '100001' is not a number of rows from 1 to 100,000"),
      ([("metric", "events"), ("cursor", "2s.1")], "cursor: '2s.1' is not the next_cursor of an answer"),
      ([("metric", "events"), ("fill", "0")], "fill: there is no '0'; expected zero"),
      (
        [("metric", "events"), ("fill", "zero"), ("start_time", "2026-03-01")],
        "fill: which buckets hold nothing is known between a start_time and an end_time"
      ),
      (
        [
          ("metric", "events"), ("fill", "zero"), ("start_time", "2026-03-01"), ("end_time", "2226-03-01"),
          ("granularity", "hour"),
        ],
        "fill: the range holds more than 250000 buckets; narrow it or take a coarser granularity"
      ),
      ([("metric", "events"), ("order", "-valeu")], "order: there is no '-valeu'; did you mean '-value'?"),
      ([("metric", "events"), ("top", "0")], "top: '0' is not a number of groups from 1 to 1,000"),
      ([("metric", "events"), ("top", "3")], "top: name with group_by what the top is of"),
      ([("metric", "events"), ("other", "true")], "other: of what the rest is, is said with 'top'"),
      (
        [("metric", "events"), ("compare_to", "last_year")],
        "compare_to: there is no 'last_year'; expected previous_period"
      ),
      (
        [("metric", "events"), ("compare_to", "previous_period")],
        "compare_to: a period has a start_time and an end_time"
      ),
      (
        [("metric", "events"), ("format", "xml")], "format: there is no 'xml'; expected one of json, flat, csv, ndjson"
      ),
      ([("metric", "events"), ("cursor", "-1.0")], "cursor: '-1.0' is not the next_cursor of an answer"),
    ]
    for (items, message) in query { #expect(test.get("/query", items) == problem(400, "Bad Request", message)) }
    let funnel: [([(name: String, value: String)], String)] = [
      (
        [("granularity", "day")],
        "there is no parameter 'granularity'; expected one of start_time, end_time, by, limit, histogram, trend, "
          + "timezone, topology"
      ),
      ([("limit", "3")], "limit: is of a breakdown's values, so it goes with by=true"),
      ([("by", "true"), ("limit", "0")], "limit: '0' is not a number of values from 1 to 10,000"),
      ([("trend", "days")], "trend: there is no 'days'; did you mean 'day'?"),
      (
        [("trend", "day"), ("timezone", "Berlin")], "timezone: 'Berlin' is not an IANA time zone such as Europe/Berlin"
      ),
      ([("histogram", "yes")], "histogram: 'yes' is neither true nor false"),
      ([("by", "geo.country")], "by: 'geo.country' is neither true nor false"),
      ([("topology", "app")], "there is no topology 'app'; there is web"),
      (
        [("start_time", "2026-03-01T12:01:00Z")],
        "2026-03-01T12:01:00Z is not a quarter hour: entries are kept by 15 minutes, so a bound has to be one of :00, :15, "
          + ":30, :45"
      ),
    ]
    for (items, message) in funnel {
      #expect(test.get("/funnels/checkout/results", items) == problem(400, "Bad Request", message))
    }
  }

  @Test func whatIsNotThereIsNotFound() throws {
    let test = try TestNode()
    let paths = [
      ("/funnels/chekout/results", "there is no funnel 'chekout'; did you mean 'checkout'?"),
      ("/funnels/traffic/results", "view 'traffic' is a rollup, not a funnel: /query has its metrics"),
      ("/funnels/checkout", "there is nothing at '/funnels/checkout'; / lists what there is"),
      ("/query/", "there is nothing at '/query/'; / lists what there is"),
      ("", "there is nothing at ''; / lists what there is"),
    ]
    for (path, message) in paths { #expect(test.get(path) == problem(404, "Not Found", message)) }
  }

  @Test func otherMethodsAreNotAllowed() throws {
    let test = try TestNode()
    for path in ["/", "/query", "/funnels/nothing/results", "/topologies", "/healthz", "/readyz", "/metrics"] {
      let response = test.api.respond(Request(path == "/query" ? "PUT" : "POST", path))
      #expect(response.status == 405)
      #expect(response.header("Allow") == (path == "/query" ? "GET, HEAD, POST" : "GET, HEAD"))
      #expect(test.api.respond(Request("HEAD", "/healthz")).status == 200)
    }
    #expect(test.api.respond(Request("POST", "/nothing")).status == 404)
  }

  @Test func whatWasSentComesBackEscapedAndShort() throws {
    let test = try TestNode()
    let name = "<script>\"\n" + String(repeating: "x", count: 1_000)
    let response = test.get("/query", [(name, "")])
    #expect(response.header("Content-Type") == "application/problem+json")
    #expect(response.header("X-Content-Type-Options") == "nosniff")
    let shown = "<script>\\\"\\n" + String(repeating: "x", count: 50) + "…"
    #expect(response.body.contains("there is no parameter '\(shown)'"), "\(response.body)")
  }

  private func problem(_ status: Int, _ title: String, _ detail: String) -> Shown {
    Shown(
      status: status, type: "application/problem+json",
      body: "{\"type\":\"about:blank\",\"title\":\"\(title)\",\"status\":\(status),\"detail\":\"\(detail)\"}\n")
  }

  private struct Shown: Equatable {
    var status: Int
    var type: String?
    var body: String

    static func == (response: Response, shown: Shown) -> Bool {
      Shown(status: response.status, type: response.header("Content-Type"), body: response.body) == shown
    }
  }
}
