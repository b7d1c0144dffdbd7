import Foundation
import Testing

/// Goal: what a request tells of its sender is in the record, by headers of a proxy that is named and by a database of addresses,
/// and the address is not. Method: a shipped server with a database made for the test, and the log's own records.
@Suite struct VisitorServeTests {
  private let scratch = Scratch()
  private let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari/604.1"

  private func records(geo: String, _ requests: [(path: String, body: String, headers: [String: String])]) throws
    -> [[String: Any]]
  {
    let data = scratch.path("data-\(UUID().uuidString)")
    let configuration = scratch.write(
      "millrace.yaml", "data: \(data)\ncollect:\n  geo: { \(geo) }\nlog: { embedded: { partitions: 1 } }\n")
    let topology = scratch.write(
      "made.yaml",
      """
      topology: made
      source: { topic: events }
      views: { traffic: { rollup: { of: events, measures: { events: count }, grains: { day: forever } } } }
      """)
    let server = Served([topology, "--config", configuration])
    for request in requests {
      let answer = Served.ask(
        "POST", server.url + request.path, body: Data(request.body.utf8),
        headers: request.headers)
      #expect(answer.status == 200, "\(answer.body)")
    }
    #expect(server.end(SIGTERM) == 0)
    let lines = Program.run("log", "cat", "--config", configuration).output.split(separator: "\n")
    return try lines.map { try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any], "\($0)") }
  }

  private let event = #"{"event_type":"a","user_id":"u","timestamp":"2026-03-01T09:00:00Z"}"#

  @Test func aProxySaysTheCountry() throws {
    let records = try records(
      geo: "country_header: CF-IPCountry",
      [
        ("/events", event, ["User-Agent": phone, "cf-ipcountry": "nz"]),
        ("/events", event, ["User-Agent": phone, "cf-ipcountry": "XX"]),
        // Whoever sends the events of others is not who they are about.
        ("/events", event, ["User-Agent": "analytics-python/2", "cf-ipcountry": "US"]),
      ])
    #expect(records.count == 3)
    #expect(records[0]["geo"] as? [String: String] == ["country": "NZ"])
    let device: [String: Any] = ["type": "mobile", "os": "iOS", "browser": "Safari", "is_bot": false]
    #expect(records[0]["device"] as? NSDictionary == device as NSDictionary)
    #expect(records[1]["geo"] == nil && records[1]["device"] != nil)
    #expect(records[2]["geo"] == nil && records[2]["device"] == nil)
  }

  @Test func aDatabaseKnowsAddresses() throws {
    let (python, reason) = Peers.python("mmdb-writer==0.2.5", "netaddr==1.3.0")
    guard let python else {
      print("skipped: a database of addresses cannot be made: \(reason)")
      return
    }
    let made = Peers.run(python, "geo.py", [scratch.path("places.mmdb")])
    #expect(made.code == 0, "\(made.errors)")
    let segment = """
      {"batch":[{"type":"track","event":"a","userId":"u","timestamp":"2026-03-01T09:00:00Z","messageId":"1",
      "context":{"ip":"198.51.100.9","userAgent":"\(phone.replacingOccurrences(of: "/", with: "\\/"))"}}]}
      """
    let records = try records(
      geo: "address_header: X-Forwarded-For, database: \(scratch.path("places.mmdb"))",
      [
        ("/events", event, ["User-Agent": phone, "X-Forwarded-For": "203.0.113.5, 192.0.2.77"]),
        ("/events", event, ["User-Agent": phone, "X-Forwarded-For": "2001:db8::1"]),
        ("/events", event, ["User-Agent": phone, "X-Forwarded-For": "192.0.2.1, nonsense"]),
        ("/v1/batch", segment, ["User-Agent": "analytics-python/2", "X-Forwarded-For": "192.0.2.1"]),
      ])
    #expect(records.count == 4)
    #expect(records[0]["geo"] as? [String: String] == ["country": "DE", "region": "BE", "city": "Berlin"])
    #expect(records[1]["geo"] as? [String: String] == ["country": "NZ"])
    #expect(records[2]["geo"] == nil)
    #expect(records[3]["geo"] as? [String: String] == ["country": "NZ"])
    #expect((records[3]["device"] as? [String: Any])?["os"] as? String == "iOS")
    for record in records[..<3] { #expect(!"\(record)".contains("192.0.2"), "an address is in the log") }
  }

  @Test func aDatabaseThatIsNoneIsRefused() {
    let file = scratch.write("places.mmdb", "no database")
    let configuration = scratch.write(
      "millrace.yaml", "data: \(scratch.path("data"))\ncollect: { geo: { database: \(file) } }\n")
    let refused = Program.run("serve", Made.topology, "--config", configuration, "--listen", "127.0.0.1:0")
    #expect(
      refused.code == 1 && refused.errors.contains("cannot be used as a database of addresses"), "\(refused.errors)")
  }
}
