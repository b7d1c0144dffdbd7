import Basics
import Foundation
import Stores
import Testing

@testable import Dataflow
@testable import Runtime

/// Goal: a run whose answers nobody reads holds no state that is finished, and leaves the same behind. Method: RocksDB opens a
/// directory once in a process, so whoever can open it knows that the run has closed it.
@Suite struct BoundedRunTests {
  private static let text = """
    topology: small
    views: { activity: { rollup: { of: events, by: [event_type], measures: { events: count }, grains: { day: forever } } } }
    """

  @Test(arguments: [true, false]) func whatIsFinishedIsClosedUnlessItAnswers(isAnswering: Bool) throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-bounded-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let file = directory.appending(path: "events.ndjson").path
    let lines = (0..<500).map { number in
      "{\"event_id\":\"e\(number)\",\"event_type\":\"a\",\"user_id\":\"u\(number % 40)\",\"timestamp\":\(number)}\n"
    }
    try lines.joined().write(toFile: file, atomically: true, encoding: .utf8)
    let data = try DataDirectory(directory.appending(path: "data").path, create: true)
    let topology = try Topology.load(text: Self.text, file: "small.yaml")
    var options = BoundedRun.Options(memory: 64 << 20, threads: 2)
    options.isAnswering = isAnswering
    let run = try BoundedRun(
      data, topologyFile: (Self.text, topology), input: .files([file], keyed: false, partitions: 3), options: options
    ) { _, _ in }
    run.topology.start()
    run.topology.wait()
    #expect(run.topology.statuses.map(\.state) == [.finished, .finished, .finished])
    let generation = try Generation.load(data, topology: "small")
    for partition in 0..<3 {
      let store = try? generation.openStore(partition, budget: MemoryBudget(bytes: 64 << 20), readOnly: false)
      #expect((store == nil) == isAnswering)
      guard let store else { continue }
      let status = try PartitionStatus(partition: partition, of: store, generation, columns: 1)
      #expect(status.ledger.read > 0 && status.ledger.read == run.topology.statuses[partition].ledger.read)
    }
    #expect(run.topology.statuses.reduce(0) { $0 + $1.ledger.counted } == 500)
  }
}
