import Basics
import Foundation
import Runtime

/// Work that a command does itself, with progress on a terminal, until it is done or interrupted.
struct Foreground {
  /// How long it took.
  let milliseconds: Int64
  let wasInterrupted: Bool

  /// Returns when the run has ended; the first signal makes it commit and end.
  init(_ run: BoundedRun) {
    let startedAt = monotonicMilliseconds()
    let interrupts = Interrupts { run.topology.stop() }
    run.topology.start()
    Foreground.watch(run, Progress(now: startedAt))
    milliseconds = max(1, monotonicMilliseconds() - startedAt)
    wasInterrupted = interrupts.signalSeen != nil
  }

  func speed(of run: BoundedRun, threads: Int) -> ReplaySpeed {
    ReplaySpeed(
      records: run.topology.statuses.reduce(0) { $0 + $1.readThisRun }, milliseconds: milliseconds, threads: threads)
  }

  /// As `init`, and throws what stopped it.
  static func complete(_ run: BoundedRun) throws(Failure) {
    let work = Foreground(run)
    if let stopped = run.topology.statuses.first(where: { $0.failure != nil }) {
      throw Failure(
        stopped.failure!.kind,
        "generation \(run.topology.generation.number), partition \(stopped.partition) stopped: \(stopped.failure!.message)"
      )
    }
    if work.wasInterrupted { throw .unavailable("interrupted; the same command goes on from here") }
  }

  private static func watch(_ run: BoundedRun, _ progress: Progress) {
    let done = DispatchSemaphore(value: 0)
    let waiter = Thread {
      run.topology.wait()
      done.signal()
    }
    waiter.start()
    while done.wait(timeout: .now() + 0.25) == .timedOut {
      let (bytes, total) = run.progress()
      let count = run.topology.statuses.reduce(Int64(0)) { $0 + $1.readThisRun }
      progress.update(now: monotonicMilliseconds(), done: bytes, total: total, count: count, noun: "events")
    }
    progress.end()
  }
}
