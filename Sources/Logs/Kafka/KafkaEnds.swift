import Basics
import Synchronization

/// Where partitions end that nobody here reads: asked for when wanted, and then believed for a while.
final class KafkaEnds: Sendable {
  private struct Known {
    var result: Result<Int64, Failure>
    var at: Int64
  }

  private static let agesMilliseconds: Int64 = 5_000
  private let known: Mutex<[Known?]>

  init(partitions: Int) { known = Mutex(Array(repeating: nil, count: partitions)) }

  func end(_ partition: Int, ask: (Int32) throws(Failure) -> Int64) throws(Failure) -> Int64 {
    let now = ClockGuard.monotonicMilliseconds()
    if let last = known.withLock({ $0[partition] }), now - last.at < KafkaEnds.agesMilliseconds {
      return try last.result.get()
    }
    let result: Result<Int64, Failure>
    do throws(Failure) { result = .success(try ask(2_000)) } catch { result = .failure(error) }
    known.withLock { $0[partition] = Known(result: result, at: ClockGuard.monotonicMilliseconds()) }
    return try result.get()
  }
}
