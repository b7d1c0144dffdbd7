import Synchronization
import Testing

@testable import Logs

@Suite struct KafkaWakerTests {
  /// A leader that does not answer costs the others a question a second, whoever wants what how often.
  @Test func whoDoesNotAnswerIsLeftAloneForAWhile() {
    let asked = Mutex<[Int: Int]>([:])
    let waker = KafkaWaker(name: "waker") { partition in
      asked.withLock { $0[partition, default: 0] += 1 }
      return partition != 1
    }
    let start = milliseconds()
    let isAsked = eventually {
      for partition in [1, 2, 3] { waker.want(partition) }
      return asked.withLock { min($0[2] ?? 0, $0[3] ?? 0) >= 100 }
    }
    #expect(isAsked)
    let silent = asked.withLock { $0[1] ?? 0 }
    #expect(silent >= 1 && silent <= 1 + Int(milliseconds() - start) / 1_000)
    waker.stop()
  }
}
