import Basics
import Foundation
import Testing
import Workload

/// Goal: the made people behave so that sessions, funnels and breakdowns have something to show. Method: a naive analysis
/// of one week, with wide bounds: the shape matters, not the number.
@Suite struct BehaviourTests {
  private struct Step {
    var time: Int64
    var type: String
    var country: String
    var device: String
    var isAnonymous: Bool
  }

  /// The steps of each user in the order they happened, resends left out.
  private static let week = Result { try made() }
  private let people: [String: [Step]]
  private let steps: [Step]

  init() throws {
    people = try BehaviourTests.week.get()
    steps = Array(people.values.joined())
  }

  private static func made() throws -> [String: [Step]] {
    let made = try MadeLines(WorkloadOptions(events: 60_000, users: 3_000))
    var people: [String: [Step]] = [:]
    for (index, line) in made.lines.enumerated() where !made.facts[index].isDuplicate {
      let event = try #require(JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
      let step = Step(
        time: made.facts[index].clientTime, type: try #require(event["event_type"] as? String),
        country: try #require((event["geo"] as? [String: String])?["country"]),
        device: try #require((event["device"] as? [String: String])?["type"]), isAnonymous: event["user_id"] == nil)
      people[made.keys[index], default: []].append(step)
    }
    return people.mapValues { $0.sorted { $0.time < $1.time } }
  }

  @Test func sessionsHaveSeveralEventsAndSomeBounce() {
    var sessions = 0
    var bounces = 0
    for steps in people.values {
      let starts = steps.indices.filter { $0 == 0 || steps[$0].time - steps[$0 - 1].time > 30 * Timestamp.minute }
      sessions += starts.count
      bounces += zip(starts, starts.dropFirst() + [steps.count]).count { $1 - $0 == 1 }
    }
    #expect((2.5...5).contains(Double(steps.count) / Double(sessions)))
    #expect((0.25...0.45).contains(Double(bounces) / Double(sessions)))
  }

  @Test func someBuy() {
    var reached = [0, 0, 0]
    for steps in people.values {
      for day in Dictionary(grouping: steps, by: { $0.time / Timestamp.day }).values {
        var level = 0
        for step in day where level < 3 && step.type == ["view_product", "add_to_cart", "purchase"][level] {
          level += 1
        }
        for index in 0..<level { reached[index] += 1 }
      }
    }
    #expect((0.2...0.32).contains(Double(reached[1]) / Double(reached[0])))
    #expect((0.23...0.37).contains(Double(reached[2]) / Double(reached[1])))
  }

  @Test func someComeOftenAndManyComeBack() {
    let counts = people.values.map(\.count).sorted(by: >)
    let frequent = counts.prefix(counts.count / 100).reduce(0, +)
    #expect((0.1...0.3).contains(Double(frequent) / Double(steps.count)))
    let returning = people.values.count { Set($0.map { $0.time / Timestamp.day }).count > 1 }
    #expect(returning > people.count / 3)
  }

  @Test func breakdownsAreWeighted() {
    func counts(_ value: (Step) -> String) -> [String: Int] {
      steps.reduce(into: [:]) { $0[value($1), default: 0] += 1 }
    }
    let countries = counts(\.country)
    #expect(countries.count == 50)
    #expect(countries["US"] == countries.values.max())
    #expect(Set(counts(\.device).keys) == ["desktop", "mobile", "tablet"])
    #expect(counts(\.type).count == 12)
    #expect((0.2...0.45).contains(Double(steps.count(where: \.isAnonymous)) / Double(steps.count)))
  }

  @Test func nightsAreQuiet() {
    var hours = [Int](repeating: 0, count: 24)
    for step in steps { hours[Int(step.time / Timestamp.hour % 24)] += 1 }
    #expect(hours[20] > 3 * hours[3])
  }
}
