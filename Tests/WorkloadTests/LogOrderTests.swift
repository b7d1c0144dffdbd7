import Basics
import Testing
import Workload

/// Goal: lines come as a log would hold them: by arrival, all of them within the span, with the shares of disorder,
/// resends and unusable lines that were asked for. Method: count what `next` says over one made week.
@Suite struct LogOrderTests {
  private let count = 100_000

  private func share(_ made: MadeLines, _ holds: (WorkloadLine) -> Bool) -> Double {
    Double(made.facts.count(where: holds)) / Double(made.facts.count)
  }

  @Test func linesArriveInOrderWithinTheSpan() throws {
    // The second has more traffic than 50 people can make, and the third happens within a millisecond.
    for (events, users, span) in [(count, 5_000, 7 * Timestamp.day), (20_000, 50, Timestamp.minute), (1_000, 1, 1)] {
      var options = WorkloadOptions(events: events, users: users, hostileShare: 0.01)
      options.end = options.start + span
      let made = try MadeLines(options)
      #expect(made.facts.count == events)
      #expect(zip(made.facts, made.facts.dropFirst()).allSatisfy { $0.logTime <= $1.logTime })
      #expect(made.facts.allSatisfy { options.start <= $0.clientTime && $0.clientTime <= $0.logTime })
      let last = try #require(made.facts.last)
      #expect(last.logTime < options.end && last.logTime >= options.end - max(span / 1_000, 1))
    }
  }

  @Test func sharesAreThoseAskedFor() throws {
    let made = try MadeLines(WorkloadOptions(events: count, users: 5_000, hostileShare: 0.05))
    #expect(abs(share(made) { $0.isDuplicate } - 0.02) < 0.002)
    #expect(abs(share(made) { !$0.isUsable } - 0.05) < 0.003)
    let late = share(made) { !$0.isDuplicate && $0.logTime - $0.clientTime > 2 * Timestamp.minute }
    #expect(abs(late - 0.031) < 0.004)
    let veryLate = share(made) { !$0.isDuplicate && $0.logTime - $0.clientTime > 31 * Timestamp.minute }
    #expect(abs(veryLate - 0.001) < 0.000_5)
    #expect(made.facts.allSatisfy { $0.logTime - $0.clientTime <= 20 * Timestamp.hour + Timestamp.minute })
  }

  @Test func withoutSharesEverythingIsInOrderAndOnce() throws {
    let made = try MadeLines(
      WorkloadOptions(events: 20_000, users: 500, duplicateShare: 0, lateShare: 0, veryLateShare: 0))
    #expect(made.facts.allSatisfy { !$0.isDuplicate && $0.isUsable && $0.logTime - $0.clientTime < 2_000 })
    #expect(Set(made.lines).count == 20_000)
  }

  @Test func resendsRepeatAnEarlierLine() throws {
    let made = try MadeLines(WorkloadOptions(events: 20_000, users: 500, duplicateShare: 0.3))
    var seen: Set<[UInt8]> = []
    let isNew = made.lines.map { seen.insert($0).inserted }
    #expect(isNew == made.facts.map { !$0.isDuplicate })
  }

  @Test func evenAnUnusableLineIsOneLine() throws {
    for recordBytes in [250, 1_000] {
      let made = try MadeLines(
        WorkloadOptions(events: 5_000, users: 500, recordBytes: recordBytes, duplicateShare: 0, hostileShare: 1))
      #expect(made.facts.allSatisfy { !$0.isUsable && $0.key.upperBound <= $0.range.upperBound })
      #expect(made.lines.allSatisfy { !$0.contains(10) && !$0.contains(13) })
      #expect(made.lines.contains { $0.count > 65_536 })
    }
  }

  @Test func sizesAreAboutWhatWasAskedFor() throws {
    for recordBytes in [250, 500, 800, 1_000, 5_000, 58_000] {
      let made = try MadeLines(WorkloadOptions(events: 500, users: 500, recordBytes: recordBytes))
      let mean = Double(made.lines.map(\.count).reduce(0, +)) / 500
      #expect(abs(mean / Double(recordBytes) - 1) < 0.06, "\(mean) for \(recordBytes)")
      #expect(made.lines.allSatisfy { $0.count <= 65_536 })
    }
  }
}
