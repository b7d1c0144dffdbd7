import Basics
import Foundation
import Logs
import Synchronization

/// The embedded log. One thread makes durable what has come, a group at a time, and tells those who wait.
final class SegmentDestination: Destination {
  private struct State {
    var waiting: [@Sendable (Failure?) -> Void] = []
    var isEnding = false
  }

  private let log: SegmentLog
  private let state = Mutex(State())
  private let ready = DispatchSemaphore(value: 0)
  private let ended = DispatchGroup()

  init(_ log: SegmentLog) {
    self.log = log
    ended.enter()
    let thread = Thread { [self] in
      commit()
      ended.leave()
    }
    thread.name = "collect-commit"
    thread.start()
  }

  func append(_ intake: Intake, done: @escaping @Sendable (Failure?) -> Void) throws(Failure) {
    var byPartition = [[ByteRange]](repeating: [], count: log.partitionCount)
    for row in intake.rows {
      let record = intake.record(row)
      byPartition[Int(record.partitionHash % UInt32(log.partitionCount))].append(record.range)
    }
    // What a caller must not do while this runs is change the intake.
    let bytes = intake.records.bytes
    let now = intake.receivedAt
    for (partition, ranges) in byPartition.enumerated() where !ranges.isEmpty {
      _ = try ranges.span.withUnsafeBufferPointer { (ranges) throws(Failure) in
        try log.append(bytes, ranges: ranges, partition: partition, now: now)
      }
    }
    state.withLock { $0.waiting.append(done) }
    ready.signal()
  }

  private func commit() {
    while true {
      ready.wait()
      let (group, isEnding) = state.withLock { state in
        defer { state.waiting = [] }
        return (state.waiting, state.isEnding)
      }
      guard !group.isEmpty else {
        if isEnding { return }
        continue
      }
      var failure: Failure?
      do throws(Failure) { try log.sync() } catch { failure = error }
      for done in group { done(failure) }
    }
  }

  func stop() {
    state.withLock { $0.isEnding = true }
    ready.signal()
    ended.wait()
  }
}
