import Basics
import Foundation
import Glibc
import Runtime
import Synchronization

/// Sends batches over some connections, each until it is acknowledged, and notes what was.
///
/// A batch that is not answered, or answered with 429 or 503, is sent again as it is: under the same ids it counts once.
final class LoadSender: Sendable {
  struct Outcome: Sendable {
    var batches = 0
    var acknowledged: Int64 = 0
    /// Events that an answer of 200 named as refused.
    var refused: Int64 = 0
    /// Events of batches that were given up, or refused as a whole.
    var failed: Int64 = 0
    var answers429 = 0
    var answers503 = 0
    /// Attempts that got no answer.
    var unanswered = 0
    /// From the first attempt to the acknowledgement, microseconds.
    var latencies: [Int64] = []
    /// What was answered to the first batch that was refused as a whole.
    var problem: String?
  }

  private let address: LoadAddress
  private let key: String?
  private let patienceMilliseconds: Int64
  private let list: Int32?
  private let queue = Mutex<(batches: [LoadBatch], isEnding: Bool)>(([], false))
  private let filled = DispatchSemaphore(value: 0)
  private let room: DispatchSemaphore
  private let result = Mutex(Outcome())
  private let running = DispatchGroup()
  private let count: Int

  /// - `list`: a file for the ids of what was acknowledged, one per line.
  init(_ address: LoadAddress, key: String?, connections: Int, patienceMilliseconds: Int64, list: Int32?) {
    self.address = address
    self.key = key
    self.patienceMilliseconds = patienceMilliseconds
    self.list = list
    count = connections
    room = DispatchSemaphore(value: connections * 2)
  }

  func start() {
    for _ in 0..<count {
      running.enter()
      Thread { [self] in
        let connection = LoadConnection(address, key: key)
        while let batch = next() { send(batch, connection) }
        running.leave()
      }.start()
    }
  }

  /// Waits while as many are under way as there is room for.
  func add(_ batch: LoadBatch) {
    room.wait()
    queue.withLock { $0.batches.append(batch) }
    filled.signal()
  }

  /// Returns when all were acknowledged or given up.
  func finish() -> Outcome {
    queue.withLock { $0.isEnding = true }
    for _ in 0..<count { filled.signal() }
    running.wait()
    return result.withLock { $0 }
  }

  private func next() -> LoadBatch? {
    filled.wait()
    return queue.withLock { $0.batches.isEmpty ? nil : $0.batches.removeFirst() }
  }

  private func send(_ batch: LoadBatch, _ connection: LoadConnection) {
    defer { room.signal() }
    let startedAt = LoadSender.microseconds()
    var pause: Int64 = 20
    while true {
      let answer = batch.body.withUnsafeBytes { connection.post("/events/batch", $0) }
      let now = LoadSender.microseconds()
      switch answer?.status {
      case 200?: return acknowledge(batch, answer!.body, now - startedAt)
      case 429?: result.withLock { $0.answers429 += 1 }
      case 503?: result.withLock { $0.answers503 += 1 }
      case nil: result.withLock { $0.unanswered += 1 }
      default:
        let problem = "status \(answer!.status): \(String(decoding: answer!.body, as: UTF8.self))"
        return result.withLock { result in
          result.failed += Int64(batch.ids.count)
          result.problem = result.problem ?? problem
        }
      }
      guard now - startedAt < patienceMilliseconds * 1_000 else {
        return result.withLock { $0.failed += Int64(batch.ids.count) }
      }
      // A little chance, or all that were turned away would come back together.
      let wait = answer?.retryAfterSeconds.map { Int64($0) * 1_000 } ?? pause
      usleep(UInt32(wait * 1_000 + Int64.random(in: 0...wait * 500)))
      pause = min(pause * 2, 1_000)
    }
  }

  private func acknowledge(_ batch: LoadBatch, _ body: [UInt8], _ latency: Int64) {
    let document = (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any]
    let errors = document?["errors"] as? [[String: Any]] ?? []
    let refused = Set(errors.compactMap { $0["index"] as? Int })
    let text = batch.ids.enumerated().filter { !refused.contains($0.offset) }.map { "\($0.element ?? "")\n" }.joined()
    result.withLock { result in
      result.batches += 1
      result.acknowledged += Int64(batch.ids.count - refused.count)
      result.refused += Int64(refused.count)
      result.latencies.append(latency)
      if let list { Console.write(list, text) }
    }
  }

  static func microseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
  }
}
