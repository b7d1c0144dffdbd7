import Basics
import Events
import Foundation
import Logs
import Runtime
import Synchronization
import Workload

/// Made-up events that go on arriving at an even pace, appended durably in groups as they fall due.
final class DemoTraffic: Sendable {
  private struct State {
    var appended: Int64 = 0
    var failure: Failure?
    var isStopping = false
  }

  private static let tickMilliseconds: Int64 = 50

  private let rate: Int
  private let seed: UInt64
  private let users: Int
  private let log: SegmentLog
  private let state = Mutex(State())
  private let ended = DispatchSemaphore(value: 0)

  /// - `rate`: events per second.
  init(_ rate: Int, seed: UInt64, users: Int, into log: SegmentLog) {
    self.rate = rate
    self.seed = seed
    self.users = users
    self.log = log
    let thread = Thread { [self] in
      do throws(Failure) { try feed() } catch { state.withLock { $0.failure = error } }
      ended.signal()
    }
    thread.name = "traffic"
    thread.start()
  }

  /// Ends it and returns how many events have arrived, all of them durable.
  func stop() throws(Failure) -> Int64 {
    state.withLock { $0.isStopping = true }
    ended.wait()
    let last = state.withLock { $0 }
    if let failure = last.failure { throw failure }
    return last.appended
  }

  private var isStopping: Bool { state.withLock { $0.isStopping } }

  /// An hour of the clock at a time, since a workload's traffic changes on the hour and this one's pace shall be even.
  private func feed() throws(Failure) {
    var start = wallMilliseconds()
    var hour: UInt64 = 0
    while !isStopping {
      hour += 1
      let end = (start / Timestamp.hour + 1) * Timestamp.hour
      // Other seeds than that of the history, whose ids these must not repeat. Nobody is late: a workload knows nothing from
      // before its start, so what is late would be missing from the pace of its first half hour.
      try feed(
        Workload(
          WorkloadOptions(
            seed: seed &+ hour &* 1_000_003, events: max(1, Int(end - start) * rate / 1_000), users: users,
            start: start, end: end, lateShare: 0, veryLateShare: 0)))
      start = end
    }
  }

  private func feed(_ workload: Workload) throws(Failure) {
    let appender = LogAppender(log)
    let before = state.withLock { $0.appended }
    var line = ByteWriter(capacity: 4_096)
    // Looked at for every line: a machine that does not keep up never waits.
    while !isStopping, let made = workload.next(into: &line) {
      if made.logTime > wallMilliseconds() {
        // Whatever has fallen due is durable before this waits for what has not.
        try appender.finish()
        state.withLock { $0.appended = before + appender.appended }
        while !isStopping, made.logTime > wallMilliseconds() {
          Thread.sleep(forTimeInterval: Double(DemoTraffic.tickMilliseconds) / 1_000)
        }
        if isStopping { return }
      }
      let key = UnsafeRawBufferPointer(rebasing: line.bytes[made.key])
      let partition = key.isEmpty ? 0 : Int((murmur2(key) & 0x7fff_ffff) % UInt32(log.partitionCount))
      try appender.append(
        line.bytes, stamp: appender.stamp(made.logTime, partition: partition), partition: partition)
      line.clear()
    }
    try appender.finish()
    state.withLock { $0.appended = before + appender.appended }
  }
}
