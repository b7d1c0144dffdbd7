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

  @Test func whatIsWantedWhileItIsAskedIsNotAskedAgain() {
    let asked = Mutex<[Int: Int]>([:])
    let itself = Mutex<KafkaWaker?>(nil)
    let waker = KafkaWaker(name: "waker") { partition in
      asked.withLock { $0[partition, default: 0] += 1 }
      guard partition == 1 else { return true }
      itself.withLock { $0 }?.want(1)
      return false
    }
    itself.withLock { $0 = waker }
    let start = milliseconds()
    waker.want(1)
    let isAsked = eventually {
      waker.want(2)
      return asked.withLock { ($0[1] ?? 0) >= 1 && ($0[2] ?? 0) >= 50 }
    }
    #expect(isAsked)
    let silent = asked.withLock { $0[1] ?? 0 }
    #expect(silent <= 1 + Int(milliseconds() - start) / 1_000)
    waker.stop()
    itself.withLock { $0 = nil }
  }
}
