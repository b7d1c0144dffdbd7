import Basics
import Foundation
import Testing

@testable import Dataflow
@testable import Runtime

private func topology(gap: String, users: String = "users: distinct(user_id)") -> String {
  """
  topology: small
  sessions: { gap: \(gap) }
  views:
    activity:
      rollup: { of: events, by: [event_type, page.path], measures: { events: count, \(users) }, grains: { minute: forever, day: forever } }
    visits:
      rollup: { of: sessions, by: page.path, measures: { sessions: count, duration: sum(duration) }, grains: { hour: forever } }
    path:
      funnel: { steps: [a, b], within: \(gap), by: page.path }
  """
}

/// Goal: what a comparison finds depends on the cells, not on how much of them is held at once, and is the sum of what it finds
/// of parts of the time. Method: two generations over one file, compared with much memory and with next to none.
@Suite struct GenerationPairTests {
  private let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-pair-\(UUID().uuidString)")

  private func pair() throws -> GenerationPair {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let file = directory.appending(path: "events.ndjson").path
    var lines = ""
    for number in 0..<6_000 {
      let time = Timestamp(milliseconds: 1_772_323_200_000 + Int64(number) * 61_000)
      lines +=
        "{\"event_id\":\"e\(number)\",\"event_type\":\"\(["a", "b", "c"][number % 3])\",\"user_id\":\"u\(number * 7 % 41)\","
        + "\"timestamp\":\"\(time)\",\"page\":{\"path\":\"/\(number % 97)\"}}\n"
    }
    try lines.write(toFile: file, atomically: true, encoding: .utf8)
    let data = try DataDirectory(directory.appending(path: "data").path, create: true)
    let generations = Generations(data, of: "small")
    let input = BoundedRun.Input.files([file], keyed: false, partitions: 2)
    let options = BoundedRun.Options(memory: 256 << 20, threads: 2)
    for text in [topology(gap: "90m"), topology(gap: "40m")] {
      let file = (text, try Topology.load(text: text, file: "small.yaml"))
      guard case .build(let made, false) = try generations.next(file, from: input, start: .beginning, isReplay: false)
      else { throw Failure.invalid("a new generation was expected") }
      let run = try BoundedRun(made, input: input, options: options) { _, _ in }
      run.topology.start()
      run.topology.wait()
    }
    return try GenerationPair(data, topology: "small", 1, 2, input: input, options: options) { (run) throws(Failure) in
      run.topology.start()
      run.topology.wait()
    }
  }

  private struct Found: Equatable {
    var counts: [[Int64]]
    var largest: [Set<String>]

    init(_ views: [ViewDifference]) {
      counts = views.map { [$0.equal, $0.changed, $0.added, $0.removed] }
      // Which of equally large ones are kept may depend on the order they come in.
      largest = views.map { view in Set(view.largest.map { "\($0.measure) \(abs($0.distance))" }) }
    }
  }

  @Test func memoryDoesNotShow() throws {
    defer { try? FileManager.default.removeItem(at: directory) }
    let pair = try pair()
    let whole = Found(try pair.compare(Comparison.Options()))
    #expect(whole.counts[0][0] > 5_000 && whole.counts[0][1...].allSatisfy { $0 == 0 }, "\(whole.counts)")
    #expect(whole.counts[1][1] > 0 && whole.counts[2][1] > 0, "\(whole.counts)")
    for limit in [200_000, 40_000] {
      var options = Comparison.Options()
      options.byteLimit = limit
      #expect(Found(try pair.compare(options)) == whole, "\(limit) bytes")
    }
  }

  @Test func partsOfTheTimeAddUp() throws {
    defer { try? FileManager.default.removeItem(at: directory) }
    let pair = try pair()
    let whole = Found(try pair.compare(Comparison.Options())).counts
    let middle = 1_772_323_200_000 + 2 * Timestamp.day
    var (first, second) = (Comparison.Options(), Comparison.Options())
    first.end = middle
    second.start = middle
    let parts = [Found(try pair.compare(first)).counts, Found(try pair.compare(second)).counts]
    for view in whole.indices {
      #expect(whole[view] == zip(parts[0][view], parts[1][view]).map { $0 + $1 })
      #expect(parts.allSatisfy { $0[view].reduce(0, +) > 0 })
    }
  }
}
