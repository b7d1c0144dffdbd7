import Basics
import CRdKafka
import Dataflow
import Foundation
import Logs
import Stores
import Testing

@testable import Runtime

/// Goal: while Kafka takes no outputs, a partition waits with what it has, drops nothing, and goes on by itself. Method: a task
/// over a file that commits every few records, and librdkafka's mock cluster, which is taken away and brought back.
@Suite struct OutputWaitingTests {
  private static let events = 400
  private static let topology = """
    topology: waits
    views:
      activity:
        rollup: { of: events, by: event_type, measures: { events: count }, grains: { hour: forever } }
        sink: { topic: out }
    """

  private let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-waits-\(UUID().uuidString)")

  @Test func itWaitsAndGoesOn() throws {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let conf = rd_kafka_conf_new()
    rd_kafka_conf_set_log_cb(conf, nil)
    let host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nil, 0)
    let mock = try #require(rd_kafka_mock_cluster_new(host, 1))
    defer {
      rd_kafka_mock_cluster_destroy(mock)
      rd_kafka_destroy(host)
    }
    rd_kafka_mock_topic_create(mock, "out", 1, 1)

    let input = try writeEvents()
    let topology = try Topology.load(text: OutputWaitingTests.topology, file: "waits.yaml")
    let data = try DataDirectory(directory.appending(path: "data").path, create: true)
    let generation = try Generation.create(
      data, topology: topology, text: OutputWaitingTests.topology, source: .files(paths: [input], keyed: false),
      starts: [0])
    let plan = try Plan(topology)
    let sink = try OutputSink(
      KafkaOptions(
        brokers: String(cString: rd_kafka_mock_cluster_bootstraps(mock)),
        properties: ["reconnect.backoff.max.ms": "100"]), topology.outputs, of: generation, plan: plan)
    defer { sink.close() }
    let store = try generation.openStore(0, budget: MemoryBudget(bytes: 64 << 20), readOnly: false)
    var options = PartitionTask.Options()
    options.batchRecords = 5
    options.policy = CommitPolicy(everyMilliseconds: 3_600_000, everyBytes: 2_000)
    options.outputs = sink
    let task = try PartitionTask(
      partition: 0, of: try FileLog(paths: [input], shape: .sequence), from: { .start }, plan: plan, store: store,
      bytes: 1 << 20, options: options)

    rd_kafka_mock_broker_set_down(mock, 1)
    var steps = 0
    while try task.step() != .heldUp, steps < 1_000 { steps += 1 }
    let waitsAt = task.position.offset
    #expect(waitsAt > 0 && waitsAt < 100, "it waits at \(waitsAt)")
    for _ in 0..<100 { #expect(try task.step() == .heldUp) }
    #expect(task.position.offset == waitsAt)
    #expect(task.hasUncommitted)
    #expect(task.outputStatus?.waitingSince != nil)
    // A reader sees the commit whose outputs are awaited.
    #expect(try count(plan, store) > 0)

    rd_kafka_mock_broker_set_up(mock, 1)
    let deadline = Date(timeIntervalSinceNow: 180)
    while try task.step() != .atEnd, Date() < deadline { usleep(1_000) }
    try task.commit()
    #expect(task.hasUncommitted == false)
    #expect(task.outputStatus?.waitingSince == nil && task.outputStatus?.pending == 0)
    #expect(try count(plan, store) == OutputWaitingTests.events)
    let outbox = KeyLayout.all("x")
    var left = 0
    try store.snapshot().scan(from: outbox.start, to: outbox.end) { _, _ in
      left += 1
      return true
    }
    #expect(left == 0)
  }

  private func count(_ plan: Plan, _ store: Store) throws -> Int {
    var count = 0
    try Answers(plan: plan, snapshots: [store.snapshot()]).export(view: "activity", grain: .hour) { row in
      count += Int(row.measures[0].units ?? 0)
    }
    return count
  }

  private func writeEvents() throws -> String {
    let path = directory.appending(path: "events.ndjson").path
    let text = (0..<OutputWaitingTests.events).map { number in
      let time = Timestamp(milliseconds: 1_772_323_200_000 + Int64(number) * 97_000)
      return "{\"event_id\":\"e\(number)\",\"event_type\":\"\(["a", "b"][number % 2])\",\"user_id\":\"u\(number % 7)\","
        + "\"timestamp\":\"\(time)\"}\n"
    }
    try text.joined().write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }
}
