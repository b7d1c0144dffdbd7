import Foundation
import Synchronization

/// Threads that answer requests of one kind, so that slow ones of another kind do not hold them up.
final class LaneThreads: Sendable {
  private let jobs = Mutex<(waiting: [@Sendable () -> Void], isEnding: Bool)>(([], false))
  private let count: Int
  private let ready = DispatchSemaphore(value: 0)
  private let ended = DispatchGroup()

  init(name: String, threads: Int) {
    count = threads
    for number in 0..<threads {
      ended.enter()
      let thread = Thread { [self] in
        while let job = next() { job() }
        ended.leave()
      }
      thread.name = "\(name)-\(number)"
      thread.start()
    }
  }

  func add(_ job: @escaping @Sendable () -> Void) {
    jobs.withLock { $0.waiting.append(job) }
    ready.signal()
  }

  /// In the order they came; nil when none is left after the end.
  private func next() -> (@Sendable () -> Void)? {
    ready.wait()
    return jobs.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
  }

  /// Returns when all jobs are done and the threads have ended.
  func end() {
    let isFirst = jobs.withLock { jobs in
      defer { jobs.isEnding = true }
      return !jobs.isEnding
    }
    if isFirst { for _ in 0..<count { ready.signal() } }
    ended.wait()
  }
}
