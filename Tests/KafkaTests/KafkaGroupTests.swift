import Basics
import CRdKafka
import Foundation
import Logs
import Synchronization
import Testing

/// A group's partitions are each read by one member at a time, and everything is read once. Method: members that keep their
/// positions in a place they share, as checkpoints do, join and leave while records flow.
@Suite struct KafkaGroupTests {
  /// Where partitions stand, whoever reads them; and all that was ever read.
  private final class Shared: Sendable {
    struct State {
      var positions: [Int: LogPosition] = [:]
      var owners: [Int: String] = [:]
      var read: [(partition: Int, offset: Int64, text: String, owner: String)] = []
      var problems: [String] = []
    }
    let state = Mutex(State())

    var count: Int { state.withLock { $0.read.count } }
    func owned(_ name: String) -> Int { state.withLock { $0.owners.values.count { $0 == name } } }
  }

  /// Reads what it is given on one thread of its own.
  private final class Member: KafkaMember, @unchecked Sendable {
    let name: String
    let log: KafkaLog
    private let shared: Shared
    private let lock = NSLock()
    // With `lock` held.
    private var readers: [Int: any LogReader] = [:]
    private var isStopping = false
    private let ended = DispatchGroup()

    init(_ name: String, _ options: KafkaOptions, _ shared: Shared) throws {
      self.name = name
      self.shared = shared
      log = try KafkaLog(options, topic: "t", stamps: KafkaStamps(trustsProducerTime: true), group: "g")
      ended.enter()
      Thread { [self] in
        while !locked({ isStopping }) { turn() }
        ended.leave()
      }.start()
      try log.join(self)
    }

    private func locked<T>(_ body: () -> T) -> T {
      lock.lock()
      defer { lock.unlock() }
      return body()
    }

    private func turn() {
      lock.lock()
      defer { lock.unlock() }
      let slice = LogSlice()
      var ends: [(partition: Int, offset: Int64, metadata: String)] = []
      for (partition, reader) in readers {
        do {
          try reader.read(into: slice, maxBytes: 10_000, maxRecords: 100)
        } catch {
          shared.state.withLock { $0.problems.append("\(name): \(error)") }
          continue
        }
        let taken = records(slice)
        if taken.isEmpty { continue }
        let end = slice.end
        shared.state.withLock { state in
          if state.owners[partition] != name { state.problems.append("\(name) read \(partition) without owning it") }
          state.positions[partition] = end
          state.read += taken.map { (partition, $0.offset, $0.text, name) }
        }
        ends.append((partition, end.offset, "at \(name)"))
      }
      log.commitToGroup(ends)
    }

    func assigned(_ partitions: [Int]) {
      lock.lock()
      defer { lock.unlock() }
      for partition in partitions {
        let position = shared.state.withLock { state in
          if let owner = state.owners[partition] { state.problems.append("\(name) got \(partition) of \(owner)") }
          state.owners[partition] = name
          return state.positions[partition]
        }
        do {
          readers[partition] = try log.reader(
            partition: partition, from: try position ?? log.startPosition(partition: partition))
        } catch { shared.state.withLock { $0.problems.append("\(name): \(error)") } }
      }
    }

    func revoked(_ partitions: [Int], lost: Bool) {
      lock.lock()
      defer { lock.unlock() }
      for partition in partitions {
        readers[partition] = nil
        shared.state.withLock { state in
          if state.owners.removeValue(forKey: partition) != name { state.problems.append("\(name) lost a foreign one") }
        }
      }
    }

    /// Leaves in order.
    func leave() {
      log.leave()
      locked { isStopping = true }
      ended.wait()
      log.close()
    }
  }

  private let cluster = MockCluster(brokers: 3)

  @Test func membersComeAndGoWhileRecordsFlow() throws {
    cluster.create("t", partitions: 6)
    let options = cluster.options(["session.timeout.ms": "6000", "heartbeat.interval.ms": "200"])
    let shared = Shared()
    let producer = RawProducer(cluster, "t")
    var sent = 0
    func flow(until condition: () -> Bool) -> Bool {
      let deadline = milliseconds() + 60_000
      while milliseconds() < deadline, !condition() {
        for _ in 0..<20 {
          producer.append("r\(sent)", partition: Int32(sent % 6))
          sent += 1
        }
        producer.flush()
        usleep(5_000)
      }
      return condition()
    }
    let first = try Member("first", options, shared)
    #expect(flow { shared.owned("first") == 6 })
    let second = try Member("second", options, shared)
    #expect(flow { shared.owned("first") == 3 && shared.owned("second") == 3 })
    let third = try Member("third", options, shared)
    #expect(flow { ["first", "second", "third"].allSatisfy { shared.owned($0) == 2 } })
    first.leave()
    #expect(shared.owned("first") == 0)
    #expect(flow { shared.owned("second") == 3 && shared.owned("third") == 3 })
    third.leave()
    #expect(flow { shared.owned("second") == 6 })
    #expect(eventually { shared.count >= sent })
    second.leave()
    let state = shared.state.withLock { $0 }
    #expect(state.problems == [])
    #expect(state.read.count == sent)
    #expect(Set(state.read.map(\.text)) == Set((0..<sent).map { "r\($0)" }))
    for partition in 0..<6 {
      let offsets = state.read.filter { $0.partition == partition }.map(\.offset)
      #expect(offsets == Array(0..<Int64(offsets.count)))
    }
    #expect(Set(state.read.map(\.owner)) == ["first", "second", "third"])
  }
}
