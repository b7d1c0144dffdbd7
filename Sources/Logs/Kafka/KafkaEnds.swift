import Basics
import Synchronization

/// Where partitions end that nobody here reads: asked for when wanted, and then believed for a while.
final class KafkaEnds: Sendable {
  private struct Known {
    var ends: [(end: Int64, at: Int64)?]
    var failed: (failure: Failure, at: Int64)?
  }

  private static let agesMilliseconds: Int64 = 5_000
  private let known: Mutex<Known>

  init(partitions: Int) { known = Mutex(Known(ends: Array(repeating: nil, count: partitions))) }

  func end(_ partition: Int, ask: (Int32) throws(Failure) -> Int64) throws(Failure) -> Int64 {
    let now = ClockGuard.monotonicMilliseconds()
    let (last, failed) = known.withLock { ($0.ends[partition], $0.failed) }
    if let last, now - last.at < KafkaEnds.agesMilliseconds { return last.end }
    // Whoever asks for all partitions waits for one answer that does not come, not for as many as there are partitions.
    if let failed, now - failed.at < KafkaEnds.agesMilliseconds { throw failed.failure }
    do throws(Failure) {
      let end = try ask(1_000)
      known.withLock { $0.ends[partition] = (end, ClockGuard.monotonicMilliseconds()) }
      return end
    } catch {
      known.withLock { $0.failed = (error, ClockGuard.monotonicMilliseconds()) }
      throw error
    }
  }
}
