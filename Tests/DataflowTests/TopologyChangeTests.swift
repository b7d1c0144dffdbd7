import Dataflow
import Testing

private let before = """
  topology: t
  source: { horizon: 72h }
  views:
    traffic:
      rollup:
        of: events
        by: [event_type, geo.country]
        measures:
          events: count
          paid: count where properties.amount > 0
        grains: { hour: 90d, day: 3y }
    visits:
      rollup: { of: sessions, measures: { sessions: count }, grains: { hour: 90d } }
    path:
      funnel: { steps: [a, b], within: 24h }
  """

/// Goal: what an edit means is named by the key that was edited, no more and no less. Method: one text edited in one place at a
/// time.
@Suite struct TopologyChangeTests {
  /// `view kind: key from -> to (line)`, one line each, of all that is not unchanged.
  private func change(_ edits: (String, String)...) throws -> [String] {
    var text = before
    for (from, to) in edits {
      #expect(text.contains(from))
      text = text.replacing(from, with: to)
    }
    let change = TopologyChange(
      from: try Topology.load(text: before, file: "a"), to: try Topology.load(text: text, file: "b"), text: text)
    let lines = change.views.filter { $0.kind != .unchanged }.flatMap { view in
      let reasons = view.reasons.map {
        "\(view.name) \(view.kind): \($0.key) \($0.from ?? "nothing") -> \($0.to ?? "nothing") (\($0.line ?? 0))"
      }
      return reasons.isEmpty ? ["\(view.name) \(view.kind)"] : reasons
    }
    #expect(change.isEmpty == lines.isEmpty)
    return lines
  }

  @Test func whatMeansTheSameIsNoChange() throws {
    #expect(try change() == [])
    #expect(try change(("90d", "2160h"), ("topology: t", "# another word\ntopology: t")) == [])
    #expect(try change(("within: 24h }", "within: 24h, mode: default, retention: forever }")) == [])
  }

  @Test func theKeyIsNamed() throws {
    #expect(
      try change(("amount > 0", "amount > 10")) == [
        "traffic changed: views.traffic.rollup.measures.paid count where properties.amount > 0 -> count where "
          + "properties.amount > 10 (10)"
      ])
    #expect(
      try change(("[event_type, geo.country]", "event_type")) == [
        "traffic changed: views.traffic.rollup.by event_type, geo.country -> event_type (7)"
      ])
    #expect(
      try change(("within: 24h", "within: 1h")) == ["path changed: views.path.funnel.within 1d -> 1h (15)"])
    #expect(
      try change((", day: 3y", "")) == [
        "traffic changed: views.traffic.rollup.grains.day 1095d -> nothing (11)"
      ])
    #expect(
      try change(("        events: count\n", "")) == [
        "traffic changed: views.traffic.rollup.measures.events count -> nothing (8)"
      ])
  }

  @Test func anotherOrderOfMeasuresIsAnotherOrderOfColumns() throws {
    let found = try change(
      ("        events: count\n", ""), ("properties.amount > 0\n", "properties.amount > 0\n        events: count\n"))
    #expect(found == ["traffic changed: views.traffic.rollup.measures events, paid -> paid, events (8)"])
  }

  @Test func settingsTouchTheViewsTheyConcern() throws {
    #expect(
      try change(("source: {", "sessions: { gap: 20m }\nsource: {")) == ["visits changed: sessions.gap 30m -> 20m (2)"])
    #expect(try change(("horizon: 72h", "horizon: 48h")).count == 3)
    #expect(
      try change(("source: {", "timezone: Europe/Berlin\nsource: {")) == [
        "traffic changed: timezone UTC -> Europe/Berlin (2)"
      ])
  }

  @Test func viewsComeAndGo() throws {
    #expect(try change(("  visits:", "  stays:")) == ["stays added", "visits removed"])
    let new = TopologyChange(from: nil, to: try Topology.load(text: before, file: "a"), text: before)
    #expect(new.views.map(\.kind) == [.added, .added, .added])
  }
}
