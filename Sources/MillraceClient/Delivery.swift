import Foundation
import Synchronization

/// The one thread that takes events from the queue to the collector.
///
/// Not a task: a program's own tasks may block every thread that tasks share, with a wait for a child process or a slow disk, and
/// its events should leave all the same.
final class Delivery: Sendable {
  private struct State {
    var statistics = ClientStatistics()
    var failures = 0
    /// No attempt before.
    var notBefore = ContinuousClock.now
    /// Fewer after a body that was too large.
    var batchEvents: Int
    var isWoken = false
    var isStopped = false
    var waiters: [UUID: (target: Int, continuation: CheckedContinuation<Bool, Never>)] = [:]

    /// Until when nothing is to be sent, unless something happens; nil: something is.
    ///
    /// - `due`: when what waits is sent although nobody asked for it.
    func rest(until due: ContinuousClock.Instant) -> ContinuousClock.Instant? {
      guard !isStopped else { return nil }
      // Who wants it at once waits no longer than the collector asked for.
      let until = isWoken || failures > 0 ? notBefore : due
      return until > .now ? until : nil
    }
  }

  let options: ClientOptions
  private let endpoint: CollectorEndpoint
  private let queue: EventQueue
  private let state: Mutex<State>
  private let wakings = DispatchSemaphore(value: 0)
  /// Entered as long as it delivers.
  private let delivering = DispatchGroup()
  private let timers = DispatchQueue(label: "millrace.timers")

  init(_ endpoint: CollectorEndpoint, _ queue: EventQueue, _ options: ClientOptions) {
    self.endpoint = endpoint
    self.queue = queue
    self.options = options
    state = Mutex(State(batchEvents: options.batchEvents))
  }

  var statistics: ClientStatistics {
    state.withLock { state in
      var statistics = state.statistics
      statistics.waiting = queue.waiting
      return statistics
    }
  }

  func drop(_ event: DroppedEvent) {
    state.withLock { $0.statistics.dropped += 1 }
    options.onDrop?(event)
  }

  func start() {
    delivering.enter()
    let thread = Thread { [self] in
      while pause() { deliver() }
      let waiters = state.withLock { state in
        defer { state.waiters = [:] }
        return Array(state.waiters.values)
      }
      for waiter in waiters { waiter.continuation.resume(returning: false) }
      queue.close()
      delivering.leave()
    }
    thread.name = "millrace"
    thread.start()
  }

  /// Stops, and returns when what was under way has ended.
  func end() async {
    stop()
    await withCheckedContinuation { continuation in
      delivering.notify(queue: timers) { continuation.resume() }
    }
  }

  func stop() {
    state.withLock { $0.isStopped = true }
    wakings.signal()
  }

  /// Something is to be sent now.
  func wake() {
    let wasWoken = state.withLock { state in
      defer { state.isWoken = true }
      return state.isWoken
    }
    if !wasWoken { wakings.signal() }
  }

  /// Waits until it is time; false when there is nothing more to do.
  private func pause() -> Bool {
    let due = ContinuousClock.now + options.interval
    while let until = state.withLock({ $0.rest(until: due) }) {
      _ = wakings.wait(timeout: .now() + max(ContinuousClock.now.duration(to: until) / .seconds(1), 0))
    }
    return state.withLock { state in
      state.isWoken = false
      return !state.isStopped
    }
  }

  /// Sends what waits, until nothing does or an attempt fails.
  private func deliver() {
    while queue.waiting > 0, !state.withLock({ $0.isStopped }) {
      let lines: [[UInt8]]
      do throws(ClientError) {
        lines = try queue.first(events: state.withLock { $0.batchEvents }, bytes: options.batchBytes - 64)
      } catch {
        fail(error.description, after: nil)
        return
      }
      switch endpoint.send(lines) {
      case .taken(let refused):
        for (index, line) in lines.enumerated() {
          if let reason = refused[index] { drop(DroppedEvent(id: Self.identifier(line), reason: reason)) }
        }
        succeed(lines.count, taken: lines.count - refused.keys.count { lines.indices.contains($0) })
      case .tooLarge where lines.count > 1:
        state.withLock { $0.batchEvents = lines.count / 2 }
      case .tooLarge(let words), .refused(let words):
        for line in lines { drop(DroppedEvent(id: Self.identifier(line), reason: words)) }
        succeed(lines.count, taken: 0)
      case .again(let words, let duration):
        fail(words, after: duration)
        return
      }
    }
    resume()
  }

  private func succeed(_ count: Int, taken: Int) {
    queue.remove(count)
    state.withLock { state in
      state.statistics.taken += taken
      state.statistics.lastError = nil
      state.failures = 0
      state.batchEvents = min(state.batchEvents * 2, options.batchEvents)
    }
    resume()
  }

  private func fail(_ words: String, after duration: Duration?) {
    state.withLock { state in
      state.statistics.lastError = words
      state.failures += 1
      var wait = options.firstRetry
      for _ in 1..<min(state.failures, 30) where wait < options.longestRetry { wait = wait * 2 }
      wait = min(wait, options.longestRetry) * Double.random(in: 0.5...1)
      state.notBefore = .now + max(wait, duration ?? .zero)
    }
  }

  /// Tells those who wait for what is done.
  private func resume() {
    let removed = queue.removed
    let done = state.withLock { state in
      let done = state.waiters.filter { $0.value.target <= removed }
      for id in done.keys { state.waiters[id] = nil }
      return done.values
    }
    for waiter in done { waiter.continuation.resume(returning: true) }
  }

  func flush(within limit: Duration) async throws(ClientError) {
    let id = UUID()
    let target = queue.added
    let isDone = await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if state.isStopped || queue.removed >= target { return true }
        state.waiters[id] = (target, continuation)
        return false
      }
      guard !isOver else { return continuation.resume(returning: queue.removed >= target) }
      // Only now: a limit that has passed before anybody waits would never end the wait.
      timers.asyncAfter(deadline: .now() + limit / .seconds(1)) { [weak self] in
        self?.state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume(returning: false)
      }
      wake()
    }
    guard !isDone else { return }
    let (waiting, words) = (target - queue.removed, statistics.lastError)
    throw ClientError("\(waiting) events were not taken within \(limit)" + (words.map { ": \($0)" } ?? ""))
  }

  private static func identifier(_ line: [UInt8]) -> String {
    struct Named: Decodable { var event_id: String }
    return (try? JSONDecoder().decode(Named.self, from: Data(line)))?.event_id ?? ""
  }
}
