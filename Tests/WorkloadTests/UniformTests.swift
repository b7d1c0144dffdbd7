import Foundation
import Testing
import Workload

/// Goal: without locality, what was lately used does not help with the next event. Method: who makes events, and when the
/// same person comes again.
@Suite struct UniformTests {
  private func made(isUniform: Bool) throws -> MadeLines {
    var options = WorkloadOptions(events: 20_000, users: 4_000, duplicateShare: 0)
    options.isUniform = isUniform
    return try MadeLines(options)
  }

  @Test func everyEventIsOfAnotherPerson() throws {
    let keys = try made(isUniform: true).keys
    #expect(zip(keys, keys.dropFirst()).count { $0 == $1 } < 20)
    var counts: [String: Int] = [:]
    for key in keys { counts[key, default: 0] += 1 }
    // 5 events each on average: nobody is frequent, and nearly everybody comes.
    #expect((counts.values.max() ?? 0) < 25)
    #expect(counts.count > 3_900)
  }

  @Test func whatIsDoneStaysAsItIs() throws {
    func types(_ made: MadeLines) -> [String: Int] {
      var counts: [String: Int] = [:]
      for line in made.lines {
        let event = (try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]) ?? [:]
        counts[event["event_type"] as? String ?? "", default: 0] += 1
      }
      return counts
    }
    let (uniform, usual) = (types(try made(isUniform: true)), types(try made(isUniform: false)))
    #expect(uniform.keys.sorted() == usual.keys.sorted())
    for (type, count) in usual where count > 500 {
      #expect((0.8...1.25).contains(Double(uniform[type] ?? 0) / Double(count)), "\(type)")
    }
  }
}
