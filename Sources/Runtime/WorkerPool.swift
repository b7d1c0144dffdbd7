import Basics
import Dataflow
import Foundation
import Logs
import Synchronization

/// Threads that work on partitions in turn: a task is taken, stepped for a while, and put back, so that one hot partition does
/// not starve the others and no two threads ever have the same one.
public final class WorkerPool: Sendable {
  public enum Mode: Sendable {
    /// Until every partition has read to the end it finds.
    case toEnd
    /// Until `stop`.
    case follow
  }

  /// A task owned by whoever took it from the queue: handed from thread to thread under the mutex, never shared.
  private struct Owned: @unchecked Sendable {
    let task: PartitionTask
    let index: Int
  }

  private struct State {
    var ready: [Owned]
    /// Tasks that found nothing, and when they may look again, by the monotonic clock.
    var resting: [(owned: Owned, until: Int64)] = []
    var working = 0
    var isStopping = false
    var threads = 0
  }

  private let state: Mutex<State>
  private let statuses: Mutex<[PartitionStatus]>
  private let log: any Log
  private let mode: Mode
  private let onStop: @Sendable (Int, Failure) -> Void
  private let finished = DispatchGroup()
  private let threadCount: Int

  /// How long one thread stays with one partition, and how soon one that found nothing looks again; milliseconds.
  private static let turnMilliseconds: Int64 = 100
  private static let restMilliseconds: Int64 = 10

  /// - `onStop`: told of a partition that stopped, on the worker's thread.
  public init(
    _ tasks: sending [PartitionTask], log: any Log, threads: Int, mode: Mode,
    stopped: [PartitionStatus] = [], onStop: @escaping @Sendable (Int, Failure) -> Void
  ) {
    let owned = tasks.enumerated().map { Owned(task: $1, index: $0) }
    statuses = Mutex(
      tasks.map { task in
        var status = PartitionStatus(partition: task.partition, ledger: task.ledger)
        status.offset = task.position.offset
        status.newestStamp = task.newestStamp
        return status
      } + stopped)
    state = Mutex(State(ready: owned))
    self.log = log
    self.mode = mode
    self.onStop = onStop
    threadCount = max(1, min(threads, max(tasks.count, 1)))
  }

  public func start() {
    for number in 0..<threadCount {
      finished.enter()
      let thread = Thread { [self] in
        work()
        finished.leave()
      }
      thread.name = "partition-\(number)"
      thread.stackSize = 8 << 20
      thread.start()
    }
  }

  /// Returns when all threads have ended. What was applied is committed.
  public func wait() { finished.wait() }

  /// Asks the threads to commit and end.
  public func stop() { state.withLock { $0.isStopping = true } }

  /// By partition.
  public var status: [PartitionStatus] { statuses.withLock { $0 } }

  private func work() {
    while true {
      switch take() {
      case .task(let owned): turn(owned)
      case .nothing: Thread.sleep(forTimeInterval: 0.005)
      case .end: return
      }
    }
  }

  private enum Taken {
    case task(Owned)
    case nothing
    case end
  }

  private func take() -> Taken {
    let now = monotonicMilliseconds()
    return state.withLock { state in
      if state.isStopping {
        state.ready += state.resting.map(\.owned)
        state.resting.removeAll()
      }
      state.resting.removeAll { resting in
        if resting.until <= now { state.ready.append(resting.owned) }
        return resting.until <= now
      }
      if !state.ready.isEmpty {
        state.working += 1
        return .task(state.ready.removeFirst())
      }
      if state.isStopping || mode == .toEnd {
        return state.working == 0 && state.resting.isEmpty ? .end : .nothing
      }
      return .nothing
    }
  }

  private var isStopping: Bool { state.withLock { $0.isStopping } }

  private func turn(_ owned: Owned) {
    let task = owned.task
    do throws(Failure) {
      let until = monotonicMilliseconds() + WorkerPool.turnMilliseconds
      while !isStopping {
        let before = task.ledger.read
        let lookedAt = wallMilliseconds()
        let progress = try task.step()
        report(owned, read: task.ledger.read - before, caughtUpAt: progress == .atEnd ? lookedAt : nil)
        switch progress {
        case .applied:
          if monotonicMilliseconds() >= until {
            putBack(owned, resting: false)
            return
          }
        case .heldUp:
          putBack(owned, resting: true)
          return
        case .atEnd:
          if mode == .toEnd {
            try task.commit()
            report(owned, read: 0, caughtUpAt: lookedAt)
            finish(owned, .finished)
          } else {
            putBack(owned, resting: true)
          }
          return
        }
      }
      try task.commit()
      report(owned, read: 0, caughtUpAt: nil)
      finish(owned, .running)
    } catch {
      report(owned, read: 0, caughtUpAt: nil)
      onStop(task.partition, error)
      finish(owned, .stopped(error))
    }
  }

  private func putBack(_ owned: Owned, resting: Bool) {
    let until = monotonicMilliseconds() + WorkerPool.restMilliseconds
    state.withLock { state in
      state.working -= 1
      if resting { state.resting.append((owned, until)) } else { state.ready.append(owned) }
    }
  }

  private func finish(_ owned: Owned, _ final: PartitionStatus.State) {
    statuses.withLock { $0[owned.index].state = final }
    state.withLock { $0.working -= 1 }
  }

  /// What is said of a partition is what its store holds, so that an answer never claims more than it has.
  ///
  /// - `caughtUpAt`: when the log was looked at and had nothing more.
  private func report(_ owned: Owned, read: Int64, caughtUpAt: Int64?) {
    let task = owned.task
    let end = (try? log.endOffset(partition: task.partition)) ?? nil
    statuses.withLock { statuses in
      statuses[owned.index].endOffset = end
      statuses[owned.index].readThisRun += read
      statuses[owned.index].memoryBytes = task.byteCount
      statuses[owned.index].stageTimes = task.stageTimes
      guard !task.hasUncommitted else { return }
      statuses[owned.index].offset = task.position.offset
      statuses[owned.index].newestStamp = task.newestStamp
      statuses[owned.index].ledger = task.ledger
      if let caughtUpAt { statuses[owned.index].caughtUpAt = caughtUpAt }
    }
  }
}
