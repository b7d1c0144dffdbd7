import Basics
import Dataflow
import Foundation
import Logs
import Synchronization

/// Threads that work on partitions in turn: a task is taken, stepped for a while, and put back, so that one hot partition does
/// not starve the others and no two threads ever have the same one.
///
/// While none is at its end, nobody waits for fresh numbers, and a turn lasts until its commit: what a partition's next commit
/// changes is then in memory for few partitions at a time instead of for all.
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
  }

  private struct State {
    var ready: [Owned]
    /// Tasks that found nothing, and when they may look again, by the monotonic clock.
    var resting: [(owned: Owned, until: Int64)] = []
    var working: Set<Int> = []
    /// Partitions that are wanted back, and their tasks once no thread has them.
    var leaving: Set<Int> = []
    var left: [Int: Owned] = [:]
    /// By partition, where it commits and waits; empty: nowhere.
    var holds: [Int64] = []
    /// A partition was at its end, and is to stay near it.
    var hasCaughtUp = false
    var isStopping = false
  }

  private let state: Mutex<State>
  private let statuses: Mutex<[Int: PartitionStatus]>
  private let mode: Mode
  private let onStop: @Sendable (Int, Failure) -> Void
  private let finished = DispatchGroup()
  private let threadCount: Int
  private let pace: Pace?

  /// How long one thread stays with one partition at least.
  private let turnMilliseconds: Int64
  /// How soon one that found nothing looks again.
  private static let restMilliseconds: Int64 = 10

  /// - `pace`: nil takes what there is.
  /// - `onStop`: told of a partition that stopped, on the worker's thread.
  public init(
    _ tasks: sending [PartitionTask], threads: Int, mode: Mode, pace: Pace? = nil, turnMilliseconds: Int64 = 100,
    stopped: [PartitionStatus] = [], onStop: @escaping @Sendable (Int, Failure) -> Void
  ) {
    statuses = Mutex(
      Dictionary(uniqueKeysWithValues: (tasks.map(WorkerPool.status) + stopped).map { ($0.partition, $0) }))
    threadCount = max(1, mode == .toEnd ? min(threads, max(tasks.count, 1)) : threads)
    state = Mutex(State(ready: tasks.map { Owned(task: $0) }))
    self.mode = mode
    self.pace = pace
    self.turnMilliseconds = turnMilliseconds
    self.onStop = onStop
  }

  private static func status(_ task: PartitionTask) -> PartitionStatus {
    var status = PartitionStatus(partition: task.partition, ledger: task.ledger)
    status.offset = task.position.offset
    status.newestStamp = task.newestStamp
    status.outputs = task.outputStatus
    return status
  }

  /// Works on one more partition from now on. One that was worked on here until now is as far as it was.
  public func add(_ task: sending PartitionTask) {
    let status = WorkerPool.status(task)
    statuses.withLock { statuses in
      let before = statuses[status.partition]
      statuses[status.partition] = status
      statuses[status.partition]!.readThisRun = before?.readThisRun ?? 0
      guard let before, before.isHere else { return }
      statuses[status.partition]!.endOffset = before.endOffset
      statuses[status.partition]!.caughtUpAt = before.caughtUpAt
    }
    let owned = Owned(task: task)
    state.withLock { $0.ready.append(owned) }
  }

  /// Returns when nobody works on the partition any more and its reader is closed.
  ///
  /// - `commits`: false when its state may already be somebody else's to go on from.
  /// - Errors: as the commit.
  public func remove(_ partition: Int, commits: Bool) throws(Failure) {
    let isHere = state.withLock { state in
      let known =
        state.working.contains(partition) || state.ready.contains { $0.task.partition == partition }
        || state.resting.contains { $0.owned.task.partition == partition }
      if known { state.leaving.insert(partition) }
      return known
    }
    guard isHere else { return }
    let owned = waitFor(partition)
    guard commits, let owned else { return }
    try owned.task.commit()
    report(owned, read: 0, caughtUpAt: nil)
  }

  /// The task, once no thread has it; nil when it stopped meanwhile.
  private func waitFor(_ partition: Int) -> Owned? {
    while true {
      let found: Owned?? = state.withLock { state in
        if let index = state.ready.firstIndex(where: { $0.task.partition == partition }) {
          state.left[partition] = state.ready.remove(at: index)
        } else if let index = state.resting.firstIndex(where: { $0.owned.task.partition == partition }) {
          state.left[partition] = state.resting.remove(at: index).owned
        }
        if state.working.contains(partition) { return nil }
        state.leaving.remove(partition)
        return .some(state.left.removeValue(forKey: partition))
      }
      if let found { return found }
      Thread.sleep(forTimeInterval: 0.001)
    }
  }

  /// Says what has become of a partition that is not, or no longer, worked on here.
  public func set(_ status: PartitionStatus) { statuses.withLock { $0[status.partition] = status } }

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

  /// Each partition commits when it reaches its offset and waits there, or, if it has passed it, where it is; nil lets all go
  /// on.
  func hold(at offsets: [Int64]?) { state.withLock { $0.holds = offsets ?? [] } }

  /// By partition.
  public var status: [PartitionStatus] { statuses.withLock { $0.values.sorted { $0.partition < $1.partition } } }

  private func work() {
    while true {
      switch take() {
      case .task(let owned):
        let startedAt = monotonicMilliseconds()
        turn(owned)
        guard let rest = pace?.rest(after: monotonicMilliseconds() - startedAt), rest > 0 else { continue }
        Thread.sleep(forTimeInterval: Double(rest) / 1_000)
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
      let rested = state.resting.prefix { $0.until <= now }
      state.resting.removeFirst(rested.count)
      for (owned, _) in rested { state.ready.insert(owned, at: stays(owned.task, state) ? 0 : state.ready.count) }
      // One that is to commit somewhere is waited for.
      if let pace, !state.isStopping, state.holds.isEmpty, !pace.mayWork(beside: state.working.count) {
        return .nothing
      }
      if !state.ready.isEmpty {
        let owned = state.ready.removeFirst()
        state.working.insert(owned.task.partition)
        return .task(owned)
      }
      if state.isStopping || mode == .toEnd {
        return state.working.isEmpty && state.resting.isEmpty ? .end : .nothing
      }
      return .nothing
    }
  }

  private enum Wish { case goOn, leave, stop }

  private func wish(_ partition: Int) -> Wish {
    state.withLock { $0.isStopping ? .stop : $0.leaving.contains(partition) ? .leave : .goOn }
  }

  /// Whether what the task has begun is to be committed before others begin.
  private func stays(_ task: PartitionTask, _ state: borrowing State) -> Bool {
    task.hasUncommitted && pace == nil && (mode == .toEnd || !state.hasCaughtUp)
  }

  /// Holds come and go only here, with the thread that has the task; without any, its own bound stays.
  private func applyHold(_ owned: Owned, _ isHeld: inout Bool) {
    let task = owned.task
    let hold: Int64? = state.withLock { $0.holds.isEmpty ? nil : $0.holds[task.partition] }
    if let hold {
      task.bound = max(hold, task.position.offset)
    } else if task.isHeld {
      task.bound = .max
    }
    task.isHeld = hold != nil
    isHeld = task.isHeld
  }

  private func turn(_ owned: Owned) {
    let task = owned.task
    var isHeld = false
    do throws(Failure) {
      let until = monotonicMilliseconds() + turnMilliseconds
      while true {
        switch wish(task.partition) {
        case .goOn: break
        case .leave:
          putBack(owned, resting: false)
          return
        case .stop:
          try task.commit()
          report(owned, read: 0, caughtUpAt: nil)
          finish(owned, .running)
          return
        }
        applyHold(owned, &isHeld)
        let before = task.ledger.read
        let lookedAt = wallMilliseconds()
        let progress = try task.step()
        report(owned, read: task.ledger.read - before, caughtUpAt: progress == .atEnd && !isHeld ? lookedAt : nil)
        switch progress {
        case .applied:
          if monotonicMilliseconds() >= until, !state.withLock({ stays(task, $0) }) {
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
            state.withLock { $0.hasCaughtUp = true }
            putBack(owned, resting: true)
          }
          return
        }
      }
    } catch {
      report(owned, read: 0, caughtUpAt: nil)
      onStop(task.partition, error)
      finish(owned, .stopped(error))
    }
  }

  private func putBack(_ owned: Owned, resting: Bool) {
    let until = monotonicMilliseconds() + WorkerPool.restMilliseconds
    state.withLock { state in
      let partition = owned.task.partition
      state.working.remove(partition)
      if state.leaving.contains(partition) {
        state.left[partition] = owned
      } else if resting {
        state.resting.append((owned, until))
      } else {
        state.ready.append(owned)
      }
    }
  }

  private func finish(_ owned: Owned, _ final: PartitionStatus.State) {
    let partition = owned.task.partition
    statuses.withLock { $0[partition]!.state = final }
    _ = state.withLock { $0.working.remove(partition) }
  }

  /// What is said of a partition is what its store holds, so that an answer never claims more than it has.
  ///
  /// - `caughtUpAt`: when the log was looked at and had nothing more.
  private func report(_ owned: Owned, read: Int64, caughtUpAt: Int64?) {
    let task = owned.task
    let end = task.endOffset
    let partition = task.partition
    statuses.withLock { statuses in
      guard var status = statuses[partition] else { return }
      status.endOffset = end
      status.readThisRun += read
      status.memoryBytes = task.byteCount
      status.stageTimes = task.stageTimes
      status.outputs = task.outputStatus
      if !task.hasUncommitted {
        status.offset = task.position.offset
        status.newestStamp = task.newestStamp
        status.ledger = task.ledger
        if let caughtUpAt { status.caughtUpAt = caughtUpAt }
      }
      statuses[partition] = status
    }
  }
}
