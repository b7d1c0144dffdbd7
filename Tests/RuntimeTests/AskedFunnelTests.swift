import Basics
import Foundation
import Logs
import Oracle
import Seeded
import Testing

@testable import Dataflow
@testable import Runtime

/// Goal: a funnel that nobody declared is what the declared one of the same definition is at the same offsets, whatever arrives
/// twice, late or in disorder. Method: random definitions over random logs, by replay, by a topology that declares them, and by
/// the oracle; replays that are broken off and gone on with.
@Suite struct AskedFunnelTests {
  private static let quarter = 15 * Timestamp.minute

  /// A log on disk, and the same records for the oracle.
  private final class Made {
    let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-asked-\(UUID().uuidString)").path
    let log: SegmentLog
    private(set) var records: [[Oracle.Record]]
    var random: SeededRandom
    var source = Topology.Source()

    init(seed: UInt64) throws {
      random = SeededRandom(seed: seed)
      source.horizonMilliseconds = random.pick([90 * Timestamp.minute, 6 * Timestamp.hour])
      let partitions = random.pick([1, 2, 5])
      records = Array(repeating: [], count: partitions)
      var options = SegmentLogOptions()
      options.reserveBytes = 0
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      log = try SegmentLog(directory: "\(directory)/log", topic: "events", partitions: partitions, options: options)
      try fill(400)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private func fill(_ count: Int) throws {
      var clock = Timestamp("2026-03-01T08:00:00Z")!.milliseconds
      var sent: [(user: String, text: String)] = []
      var slices = records.map { _ in LogSlice() }
      for number in 0..<count {
        clock += random.time(0...10 * Timestamp.minute)
        var record = (user: "u\(random.below(25))", text: "")
        if !sent.isEmpty, random.chance(15) {
          record = sent[sent.count - 1 - random.below(min(40, sent.count))]
        } else {
          // Mostly now, sometimes earlier, sometimes too late to count.
          let time = clock - random.pick([0, 0, random.time(0...Timestamp.hour), random.time(0...10 * Timestamp.hour)])
          let country = random.pick([#""DE""#, #""FR""#, "null"])
          record.text =
            #"{"event_id":"e\#(number)","event_type":"\#(random.pick(["a", "b", "c", "d"]))","user_id":"\#(record.user)","#
            + #""timestamp":\#(time),"geo":{"country":\#(country)},"properties":{"amount":\#(random.below(5))}}"#
        }
        sent.append(record)
        let partition = kafkaPartition(Array(record.user.utf8), of: records.count)
        let bytes = Array(record.text.utf8)
        bytes.withUnsafeBytes {
          slices[partition].append($0, stamp: clock, offset: Int64(records[partition].count))
        }
        records[partition].append(Oracle.Record(bytes: bytes, stamp: clock))
      }
      for partition in slices.indices { try log.append(slices[partition], partition: partition) }
      try log.sync()
      slices.removeAll()
    }

    func funnel() -> FunnelText {
      let steps = (0..<random.number(2...4)).map { _ in
        FunnelText.Step(
          event: random.pick(["a", "b", "c"]), condition: random.chance(25) ? "properties.amount >= 2" : nil)
      }
      var funnel = FunnelText(
        steps: steps, withinMilliseconds: random.pick([Timestamp.minute, Timestamp.hour, Timestamp.day]),
        by: random.chance(60) ? "geo.country" : nil,
        condition: random.chance(30) ? "geo.country = 'DE' or properties.amount > 1" : nil)
      funnel.strictIncrease = random.chance(30)
      return funnel
    }

    /// As a file would declare it.
    func declaration(_ funnel: FunnelText) -> String {
      let steps = funnel.steps.map { step in
        let conditions = [funnel.condition, step.condition].compactMap { $0 }.map { "(\($0))" }
        let condition = conditions.isEmpty ? "" : ", where: \"\(conditions.joined(separator: " and "))\""
        return "{ event: \(step.event)\(condition) }"
      }
      return """
        topology: made
        source: { horizon: \(source.horizonMilliseconds)ms }
        views:
          activity:
            rollup: { of: events, by: [event_type], measures: { events: count }, grains: { hour: forever } }
          path:
            funnel:
              steps: [\(steps.joined(separator: ", "))]
              within: \(funnel.withinMilliseconds)ms
              mode: \(funnel.strictIncrease ? "strict_increase" : "default")
              \(funnel.by.map { "by: \($0)" } ?? "")
        """
    }

    func options() -> BoundedRun.Options {
      var options = BoundedRun.Options(memory: 128 << 20, threads: random.number(1...2))
      options.task.batchRecords = random.pick([1, 7, 1_000])
      options.task.policy = CommitPolicy(
        everyMilliseconds: random.pick([0, 1_000]), everyBytes: random.pick([1, 1 << 20]))
      return options
    }
  }

  private static func finish(_ run: BoundedRun) throws(Failure) {
    run.topology.start()
    run.topology.wait()
    for status in run.topology.statuses { if let failure = status.failure { throw failure } }
  }

  @Test(arguments: 1...16) func equalsTheDeclaredFunnelAndTheOracle(seed: UInt64) throws {
    let made = try Made(seed: seed)
    let text = made.funnel()
    let offsets = made.records.map { Int64(made.random.chance(50) ? $0.count : made.random.below($0.count + 1)) }
    let declaration = made.declaration(text)
    let declared = try Topology.load(text: declaration, file: "made.yaml")
    let data = try DataDirectory("\(made.directory)/data", create: true)
    var options = made.options()
    options.task.bounds = offsets
    let run = try BoundedRun(
      data, topologyFile: (declaration, declared), input: .log(made.log), options: options
    ) { _, _ in }
    try AskedFunnelTests.finish(run)
    let answers = try run.topology.reading().answers
    let oracle = Oracle(declared, zip(made.records, offsets).map { Array($0.prefix(Int($1))) })

    for range in [(nil, nil), AskedFunnelTests.range(&made.random)] as [(Int64?, Int64?)] {
      var asked = try AskedFunnel(text, of: "made", reading: declared.source, allOf: .log(made.log))
      asked.offsets = offsets
      (asked.start, asked.end) = range
      asked.trend = made.random.pick([nil, .day, .week])
      let replay = try FunnelReplay(
        asked, in: "\(made.directory)/asked-\(range.0 ?? 0)", input: .log(made.log))
      if made.random.chance(50) {
        // Broken off somewhere, after which another process goes on.
        let half = made.options()
        #expect(throws: Failure.self) {
          try replay.result(input: .log(made.log), options: half) { (run, _) throws(Failure) in
            run.topology.start()
            while run.topology.statuses.contains(where: { $0.readThisRun == 0 && $0.state == .running }) { usleep(100) }
            run.topology.stop()
            run.topology.wait()
            throw .unavailable("killed")
          }
        }
      }
      let result = try replay.result(input: .log(made.log), options: made.options()) { (run, reading) throws(Failure) in
        try AskedFunnelTests.finish(run)
        let (done, total) = reading()
        #expect(done == total && total == offsets.reduce(0, +))
      }
      let answer = try result.answer(to: asked, limit: nil)
      var request = FunnelRequest(view: "path", start: range.0, end: range.1, by: text.by != nil)
      request.trend = asked.trend
      #expect(try answers.funnel(request) == answer, "\(declaration)")
      let expected = oracle.funnel(view: "path", start: range.0, end: range.1, by: text.by != nil)
      #expect(compare(expected: expected, actual: answer) == nil, "\(declaration)")
      #expect(result.offsets == offsets && result.events == offsets.reduce(0, +))
    }
  }

  private static func range(_ random: inout SeededRandom) -> (Int64?, Int64?) {
    let first = Timestamp("2026-03-01T08:00:00Z")!.milliseconds
    let start = first + Int64(random.below(100)) * quarter
    return (start, start + Int64(random.number(1...60)) * quarter)
  }

  @Test func filesAreReadToTheirEnd() throws {
    let made = try Made(seed: 77)
    let text = made.funnel()
    let file = "\(made.directory)/events.ndjson"
    let lines = made.records.flatMap { $0 }.map { String(decoding: $0.bytes, as: UTF8.self) + "\n" }
    try lines.joined().write(toFile: file, atomically: true, encoding: .utf8)
    let input = BoundedRun.Input.files([file], keyed: false, partitions: 3)
    let asked = try AskedFunnel(text, of: "files", reading: made.source, allOf: input)
    let replay = try FunnelReplay(asked, in: "\(made.directory)/asked", input: input)
    let result = try replay.result(input: input, options: made.options()) { (run, _) throws(Failure) in
      try AskedFunnelTests.finish(run)
    }
    let oracle = Oracle(
      try asked.definition(), made.records.map { $0.map { Oracle.Record(bytes: $0.bytes, stamp: nil) } })
    let expected = oracle.funnel(view: FunnelText.view, start: nil, end: nil, by: text.by != nil)
    #expect(compare(expected: expected, actual: try result.answer(to: asked, limit: nil)) == nil)
  }

  @Test func theSameQuestionAtTheSameOffsetsHasOneName() throws {
    let made = try Made(seed: 5)
    let text = FunnelText(steps: [.init(event: "a"), .init(event: "b")], withinMilliseconds: Timestamp.hour)
    let asked = try AskedFunnel(text, of: "made", reading: made.source, allOf: .log(made.log))
    func id(_ change: (inout AskedFunnel) -> Void) throws -> String {
      var other = asked
      change(&other)
      return try other.id()
    }
    #expect(try id { $0.askedAt += 1_000 } == asked.id())
    #expect(try id { $0.completeUntil = 7 } == asked.id())
    let changes: [(inout AskedFunnel) -> Void] = [
      { $0.offsets[0] -= 1 }, { $0.start = 0 }, { $0.end = 0 }, { $0.trend = .day }, { $0.timezone = "Asia/Tokyo" },
      { $0.source.horizonMilliseconds += 1 }, { $0.funnel.withinMilliseconds += 1 }, { $0.funnel.steps.swapAt(0, 1) },
      { $0.funnel.condition = "exists page.path" }, { $0.funnel.strictIncrease = true }, { $0.funnel.by = "page.path" },
      { $0.topology = "other" },
    ]
    #expect(Set(try changes.map(id) + [asked.id()]).count == changes.count + 1)
    let kept = try JSONDecoder().decode(AskedFunnel.self, from: Data(Generations.json(asked).utf8))
    #expect(kept == asked)
  }

  @Test func whatIsWrongIsNamed() throws {
    let step = { (event: String) in FunnelText.Step(event: event) }
    let cases: [(FunnelText, String)] = [
      (FunnelText(steps: [step("a")], withinMilliseconds: 1), "steps: a funnel has 2 to 20 steps, not 1"),
      (
        FunnelText(steps: [step("a"), step("")], withinMilliseconds: 1),
        "steps[1].event: 1 to 256 bytes of text, not 0"
      ),
      (FunnelText(steps: [step("a"), step("b")], withinMilliseconds: 0), "within: a funnel takes some time, not 0 ms"),
      (
        FunnelText(steps: [step("a"), .init(event: "b", condition: "x = 1")], withinMilliseconds: 1),
        "steps[1].where: column 1: there is no field 'x'"
      ),
      (
        FunnelText(steps: [step("a"), step("b")], withinMilliseconds: 1, by: "goe.country"),
        "breakdown: column 1: there is no field 'goe.country'; did you mean 'geo.country'?"
      ),
      (
        FunnelText(steps: [step("a"), step("b")], withinMilliseconds: 1, condition: "geo.country = "),
        "where: column 15: "
      ),
    ]
    for (text, message) in cases {
      do throws(Failure) {
        _ = try text.definition()
        Issue.record("not refused: \(message)")
      } catch { #expect(error.kind == .invalid && error.message.hasPrefix(message), "\(error.message)") }
    }
  }
}
