import Basics
import Foundation
import Logs
import Testing

@testable import Dataflow
@testable import Runtime

/// Goal: what is built takes its share and nothing while what is served is behind. Method: the rule by itself; then a node
/// whose live generation is held back, so that its answers grow old, while another one is built.
@Suite struct PaceTests {
  @Test func aShareIsThreadsAndRest() {
    let half = Pace(percent: 50, cores: 2)
    #expect(half.threads == 1)
    #expect(half.mayWork(beside: 0) && !half.mayWork(beside: 1))
    #expect(half.rest(after: 100) == 0)
    let little = Pace(percent: 10, cores: 2)
    #expect(little.threads == 1)
    #expect(little.rest(after: 100) == 400, "a fifth of one thread: four times as long as it worked")
    let most = Pace(percent: 75, cores: 4)
    #expect(most.threads == 3 && most.rest(after: 100) == 0)
  }

  @Test func whatIsHeldDoesNothingUntilItIsServedItself() {
    let pace = Pace(percent: 10, cores: 2)
    pace.isHeld = true
    #expect(!pace.mayWork(beside: 0))
    pace.isHeld = false
    #expect(pace.mayWork(beside: 0))
    pace.isHeld = true
    pace.end()
    #expect(!pace.isHeld && pace.mayWork(beside: 7) && pace.rest(after: 100) == 0)
  }

  private static let topology = """
    topology: small
    views:
      activity:
        rollup: { of: events, by: event_type, measures: { events: count }, grains: { hour: forever } }
    """

  private static func append(_ count: Int, to log: SegmentLog, after first: Int) throws {
    let slice = LogSlice()
    for number in first..<first + count {
      let time = 1_772_323_200_000 + Int64(number) * 1_000
      let text =
        #"{"event_id":"e\#(number)","event_type":"a","user_id":"u","timestamp":"\#(Timestamp(milliseconds: time))"}"#
      Array(text.utf8).withUnsafeBytes { slice.append($0, stamp: time, offset: 0) }
    }
    try log.append(slice, partition: 0)
    try log.sync()
  }

  private static func eventually(_ isSo: () throws -> Bool) rethrows -> Bool {
    let deadline = Date(timeIntervalSinceNow: 180)
    while Date() < deadline {
      if try isSo() { return true }
      usleep(5_000)
    }
    return false
  }

  @Test func aReplayWaitsWhileWhatIsServedIsBehind() throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-pace-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    var logOptions = SegmentLogOptions()
    logOptions.reserveBytes = 0
    let log = try SegmentLog(
      directory: directory.appending(path: "log").path, topic: "events", partitions: 1, options: logOptions)
    try Self.append(20_000, to: log, after: 0)
    var options = Node.Options(memory: 128 << 20, threads: 2)
    options.freshnessMilliseconds = 300
    let node = try Node(
      try DataDirectory(directory.appending(path: "data").path, create: true), source: .embedded(log),
      topologyFiles: [(Self.topology, try Topology.load(text: Self.topology, file: "small.yaml"))], options: options
    ) { _ in }
    node.start()
    defer { node.stop() }
    let served = node.served[0]
    #expect(Self.eventually { served.live.statuses[0].caughtUpAt != nil })

    // What is served stands still from here on, and its answers grow old.
    served.live.pool.hold(at: served.live.statuses.map(\.offset))
    let edited = Self.topology.replacing("by: event_type", with: "by: user_id")
    let file = (edited, try Topology.load(text: edited, file: "small.yaml"))
    var wishes = ServedTopology.Wishes()
    wishes.maxShare = 100
    let made = try served.deploy(file, wishes).generation
    #expect(try Self.eventually { try served.progress(of: made).isHeld }, "live answers are old: it waits")
    // Whatever was begun before ends within a turn, so what arrives now is not read.
    try Self.append(200_000, to: log, after: 20_000)
    for _ in 0..<200 {
      usleep(10_000)
      #expect(try served.progress(of: made).isHeld)
    }
    let after = try served.progress(of: made)
    #expect(after.done < after.total, "it has read all of \(after.total)")

    served.live.pool.hold(at: nil)
    #expect(
      try Self.eventually { try served.progress(of: made).done == 220_000 }, "live answers are fresh again: it goes on")
  }
}
