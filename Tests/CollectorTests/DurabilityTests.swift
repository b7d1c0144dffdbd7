import Basics
import Dispatch
import Foundation
import Synchronization
import Testing

@testable import Collector
@testable import Logs

/// Goal: over the embedded log, an answer comes after the fdatasync that covers its events and never before, one round serves
/// all who wait, and a disk that fails is never a 200. Method: the log with a disk that waits, and fails, when told.
@Suite struct DurabilityTests {
  private let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-\(UUID().uuidString)").path

  /// A disk whose syncs wait for `gate`.
  private final class Disk: Sendable {
    let entered = DispatchSemaphore(value: 0)
    let gate = DispatchSemaphore(value: 0)
    let fails = Mutex(false)
    let isSlow = Mutex(false)
    let rounds = Mutex(0)

    func sync(_ file: Int32) -> Int32 {
      rounds.withLock { $0 += 1 }
      if isSlow.withLock({ $0 }) {
        entered.signal()
        gate.wait()
      }
      if fails.withLock({ $0 }) {
        errno = EIO
        return -1
      }
      return fdatasync(file)
    }
  }

  private func open(_ disk: Disk) throws -> SegmentLog {
    var options = SegmentLogOptions()
    options.reserveBytes = 0
    options.syncFile = { disk.sync($0) }
    return try SegmentLog(directory: directory, topic: "events", partitions: 1, options: options)
  }

  private func send(_ collector: Collector, _ id: String, _ reply: @escaping @Sendable (Collector.Answer) -> Void) {
    let body = #"{"events":[{"event_id":"\#(id)","event_type":"t","user_id":"u","timestamp":1}]}"#
    let posted = Collector.Posted(path: "/events/batch", body: Array(body.utf8), type: nil, encoding: nil)
    collector.collect(posted, through: EventList(), permit: collector.admit(bytes: 100)!, now: 1, reply: reply)
  }

  @Test func answersWaitForTheDiskAndShareARound() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let disk = Disk()
    let log = try open(disk)
    let collector = Collector(log)
    disk.isSlow.withLock { $0 = true }
    let before = disk.rounds.withLock { $0 }
    let answered = Mutex(0)
    let all = DispatchGroup()
    for number in 0..<50 {
      all.enter()
      send(collector, "\(number)") { answer in
        if case .taken = answer { answered.withLock { $0 += 1 } }
        all.leave()
      }
      // The others come while the first one is made durable.
      if number == 0 { disk.entered.wait() }
    }
    #expect(answered.withLock { $0 } == 0)
    #expect(try log.endOffset(partition: 0) == 0)
    disk.isSlow.withLock { $0 = false }
    disk.gate.signal()
    all.wait()
    #expect(answered.withLock { $0 } == 50)
    #expect(try log.endOffset(partition: 0) == 50)
    #expect(disk.rounds.withLock { $0 } == before + 2, "one for the first, one for all others")
    collector.stop()
  }

  @Test func aDiskThatFailsIsNoSuccess() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let disk = Disk()
    let collector = Collector(try open(disk))
    disk.fails.withLock { $0 = true }
    for _ in 0..<2 {
      let done = DispatchSemaphore(value: 0)
      let kind = Mutex<Refusal.Kind?>(nil)
      send(collector, "a") { answer in
        if case .refused(let refusal) = answer { kind.withLock { $0 = refusal.kind } }
        done.signal()
      }
      done.wait()
      #expect(kind.withLock { $0 } == .away)
    }
    collector.stop()
    #expect(collector.counts.taken == 0 && collector.bytesInFlight == 0)
  }
}
