import Foundation
import Synchronization

/// The one task that takes events from the queue to the collector.
final class Delivery: Sendable {
  private struct State {
    var statistics = ClientStatistics()
    var failures = 0
    /// No attempt before.
    var notBefore = ContinuousClock.now
    /// Fewer after a body that was too large.
    var batchEvents: Int
    /// Runs as long as it delivers.
    var task: Task<Void, Never>?
    var sleeper: Task<Void, Never>?
    var isWoken = false
    var isStopped = false
    var waiters: [UUID: (target: Int, continuation: CheckedContinuation<Bool, Never>)] = [:]
  }

  let options: ClientOptions
  private let endpoint: CollectorEndpoint
  private let queue: EventQueue
  private let state: Mutex<State>

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
    let task = Task {
      while await pause() { await deliver() }
      let waiters = state.withLock { state in
        defer { state.waiters = [:] }
        return Array(state.waiters.values)
      }
      for waiter in waiters { waiter.continuation.resume(returning: false) }
      endpoint.close()
      queue.close()
    }
    state.withLock { $0.task = task }
  }

  /// Stops, and returns when what was under way has ended.
  func end() async {
    stop()
    await state.withLock { $0.task }?.value
  }

  func stop() {
    state.withLock { state in
      state.isStopped = true
      state.sleeper?.cancel()
    }
  }

  /// Something is to be sent now.
  func wake() {
    state.withLock { state in
      guard !state.isWoken else { return }
      state.isWoken = true
      state.sleeper?.cancel()
    }
  }

  /// Waits until it is time; false when there is nothing more to do.
  private func pause() async -> Bool {
    while true {
      let sleeper = state.withLock { state -> Task<Void, Never>? in
        let now = ContinuousClock.now
        if state.isStopped || (state.isWoken && now >= state.notBefore) { return nil }
        // Who wants it at once waits no longer than the collector asked for.
        let duration = state.isWoken || state.failures > 0 ? now.duration(to: state.notBefore) : options.interval
        guard duration > .zero else { return nil }
        let task = Task<Void, Never> { try? await Task.sleep(for: duration) }
        state.sleeper = task
        return task
      }
      guard let sleeper else { break }
      await sleeper.value
      let isDue = state.withLock { state in
        state.sleeper = nil
        return state.isStopped || ContinuousClock.now >= state.notBefore
      }
      if isDue { break }
    }
    return state.withLock { state in
      state.isWoken = false
      return !state.isStopped
    }
  }

  /// Sends what waits, until nothing does or an attempt fails.
  private func deliver() async {
    while queue.waiting > 0, !state.withLock({ $0.isStopped }) {
      let lines: [[UInt8]]
      do throws(ClientError) {
        lines = try queue.first(events: state.withLock { $0.batchEvents }, bytes: options.batchBytes - 64)
      } catch {
        fail(error.description, after: nil)
        return
      }
      switch await endpoint.send(lines) {
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
    let timeout = Task {
      try await Task.sleep(for: limit)
      state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume(returning: false)
    }
    let isDone = await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if state.isStopped || queue.removed >= target { return true }
        state.waiters[id] = (target, continuation)
        return false
      }
      if isOver { continuation.resume(returning: queue.removed >= target) } else { wake() }
    }
    timeout.cancel()
    guard !isDone else { return }
    let (waiting, words) = (target - queue.removed, statistics.lastError)
    throw ClientError("\(waiting) events were not taken within \(limit)" + (words.map { ": \($0)" } ?? ""))
  }

  private static func identifier(_ line: [UInt8]) -> String {
    struct Named: Decodable { var event_id: String }
    return (try? JSONDecoder().decode(Named.self, from: Data(line)))?.event_id ?? ""
  }
}
