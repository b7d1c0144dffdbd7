import Runtime
import Service
import Testing

/// Goal: Prometheus can read what we write, and every record is accounted for. Method: a strict reader of the format.
@Suite struct MetricsText {
  @Test func everyRecordIsAccountedFor() throws {
    let test = try TestNode()
    let response = test.get("/metrics")
    #expect(response.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
    let metrics = try Exposition(response.body)
    for (partition, expected) in [(0, [7, 4, 1, 1, 1]), (1, [2, 2, 0, 0, 0])] {
      let labels = ["topology": "web", "partition": String(partition)]
      let reasons = metrics.samples.filter {
        $0.key.name == "millrace_records_quarantined_total" && $0.key.labels["partition"] == String(partition)
      }
      #expect(
        [
          metrics["millrace_records_read_total", labels], metrics["millrace_records_counted_total", labels],
          metrics["millrace_records_duplicates_total", labels], metrics["millrace_records_late_total", labels],
          reasons.values.reduce(0, +),
        ] == expected.map { Double($0) })
      #expect(reasons.count == 15)
      #expect(metrics["millrace_partition_offset", labels] == Double(expected[0]))
      #expect(metrics["millrace_partition_end_offset", labels] == Double(expected[0]))
      #expect(metrics["millrace_partition_lag_records", labels] == 0)
      #expect(metrics["millrace_collisions_total", labels] == 0)
      #expect(metrics["millrace_partition_up", labels] == 1)
    }
    #expect(metrics["millrace_build_info", ["version": "1.2.3", "semantics": "1"]] == 1)
    #expect(metrics["millrace_ready", [:]] == 1)
    #expect(metrics["process_resident_memory_bytes", [:]]! > 1_048_576)
    #expect(metrics["millrace_log_disk_free_bytes", [:]]! > 0)
    #expect(metrics["millrace_log_bytes", [:]]! > 0)
    #expect(metrics["millrace_freshness_seconds", ["topology": "web"]]! < 600)
  }

  @Test func reasonsAreThoseOfTheRejectedRecords() throws {
    let test = try TestNode()
    let metrics = try Exposition(test.get("/metrics").body)
    var reasons: [String] = []
    try test.node.topologies[0].rejected {
      if $0.reason != "late" { reasons.append($0.reason) }
      return true
    }
    #expect(reasons == ["invalid_json"])
    #expect(
      metrics[
        "millrace_records_quarantined_total", ["topology": "web", "partition": "0", "reason": reasons.first ?? ""]] == 1
    )
  }

  @Test func whatIsAnsweredIsCountedByKindAndStatus() throws {
    let here = try Collected()
    _ = here.post("/events", Collected.event("1"))
    _ = here.post("/events", "{}")
    _ = here.ask("GET", "/nothing")
    _ = here.ask("GET", "/healthz")
    let metrics = try Exposition(here.ask("GET", "/metrics").body)
    func count(_ lane: String, _ code: String) -> Double? {
      metrics["millrace_http_responses_total", ["lane": lane, "code": code]]
    }
    #expect(count("collecting", "200") == 1 && count("collecting", "400") == 1)
    #expect(count("answers", "404") == 1 && count("liveness", "200") == 1)
    let name = "millrace_http_request_duration_seconds"
    #expect(metrics["\(name)_count", ["lane": "collecting"]] == 2)
    let times = metrics.buckets(name, ["lane": "collecting"])
    #expect(times["+Inf"] == 2 && times["0.005"]! <= times["0.01"]! && times["2.5"] != nil)
    #expect(metrics["millrace_collect_event_age_seconds_count", [:]] == 1)
    #expect(
      metrics.buckets("millrace_collect_clock_offset_seconds")
        == ["-1", "-5", "-60", "-3600", "-86400", "1", "5", "60", "3600", "86400", "+Inf"].reduce(into: [:]) {
          $0[$1] = 0
        })
  }
}
