import Foundation

/// Makes librdkafka look at its queues again.
///
/// It fetches a partition only while less than `queued.max.messages.kbytes` of it wait. When that is so of none, it looks again
/// when something arrives from the broker, else after a second (before 2.2, issue 2879), in which queues that are read fast
/// are empty nearly all the time. An answer to any question is something that arrives: the end of a partition is asked for.
///
/// `@unchecked Sendable`: what changes is only touched with `lock` held, which is taken after a feed's, and before no other.
final class KafkaWaker: @unchecked Sendable {
  private let ask: @Sendable (Int) -> Bool
  private let lock = Lock()
  private var wanted: Set<Int> = []
  /// Partitions whose leader did not answer, and until when it is left alone, by the monotonic clock.
  private var silent: [Int: Int64] = [:]
  private var isStopping = false

  /// After all that were wanted: one question makes librdkafka look at all partitions of a broker.
  private static let pauseSeconds = 0.002
  private static let silentMilliseconds: Int64 = 1_000

  /// - `ask`: asks the leader of this partition for something, waits for the answer, and says whether there was one; on a thread
  ///   of its own.
  init(name: String, ask: @escaping @Sendable (Int) -> Bool) {
    self.ask = ask
    let thread = Thread { [self] in work() }
    thread.name = name
    thread.start()
  }

  /// The queue of a partition that has more is nearly empty.
  func want(_ partition: Int) {
    lock.lock()
    defer { lock.unlock() }
    if let until = silent[partition] {
      guard ClockGuard.monotonicMilliseconds() >= until else { return }
      silent[partition] = nil
    }
    if wanted.insert(partition).inserted { lock.wakeAll() }
  }

  /// Its thread ends soon.
  func stop() {
    lock.lock()
    isStopping = true
    lock.wakeAll()
    lock.unlock()
  }

  private func work() {
    while let partitions = next() {
      for partition in partitions.sorted() where !ask(partition) { beSilent(partition) }
      Thread.sleep(forTimeInterval: KafkaWaker.pauseSeconds)
    }
  }

  private func next() -> Set<Int>? {
    lock.lock()
    defer { lock.unlock() }
    while wanted.isEmpty, !isStopping { lock.wait() }
    guard !isStopping else { return nil }
    defer { wanted = [] }
    return wanted
  }

  private func beSilent(_ partition: Int) {
    lock.lock()
    silent[partition] = ClockGuard.monotonicMilliseconds() + KafkaWaker.silentMilliseconds
    // Whoever wanted it while it was being asked has had his answer.
    wanted.remove(partition)
    lock.unlock()
  }
}
