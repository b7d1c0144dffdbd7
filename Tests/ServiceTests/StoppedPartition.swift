import Service
import Testing

/// Goal: a partition that stopped never goes unsaid: answers, status, readiness and metrics name it, the others go on. Method:
/// damage the state of one partition between two runs.
@Suite struct StoppedPartition {
  @Test func answersAreMarkedAsPartial() throws {
    let test = try TestNode(stopping: 1)
    let query = test.text("/query", [("metric", "events"), ("granularity", "day")])
    #expect(query.hasPrefix(#"{"data":[{"timestamp":"2026-03-01T00:00:00Z","value":4,"dimensions":{}}],"#), "\(query)")
    #expect(partial(query) == "1", "\(query)")
    let funnel = test.text("/funnels/checkout/results")
    #expect(funnel.contains(#"{"name":"view_product","users_entered":2,"users_completed":2,"#), "\(funnel)")
    #expect(partial(funnel) == "1")
  }

  @Test func statusAndReadinessNameIt() throws {
    let test = try TestNode(stopping: 1)
    let status = test.text("/topologies")
    #expect(status.contains(#"{"partition":0,"state":"running","offset":7,"#))
    #expect(
      matches(#"\{"partition":1,"state":"stopped","message":"[^"]+","offset":0,"end":2,"lag":2,"#, status).count == 1)
    let ready = test.get("/readyz")
    #expect(ready.status == 200)
    #expect(ready.body.contains(#""stopped":[{"topology":"web","partition":1,"offset":0,"end":2,"message":""#))
  }

  @Test func metricsShowItAsDown() throws {
    let test = try TestNode(stopping: 1)
    let metrics = try Exposition(test.get("/metrics").body)
    #expect(metrics["millrace_partition_up", ["topology": "web", "partition": "0"]] == 1)
    #expect(metrics["millrace_partition_up", ["topology": "web", "partition": "1"]] == 0)
    #expect(metrics["millrace_partition_lag_records", ["topology": "web", "partition": "1"]] == 2)
  }

  private func partial(_ text: String) -> String? {
    matches(#"(?<="partial":\[\{"partition":)\d(?=,"message":"[^"]+"\}\])"#, text).first
  }
}
