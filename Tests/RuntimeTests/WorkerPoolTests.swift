import Basics
import Dataflow
import Foundation
import Logs
import Stores
import Synchronization
import Testing

@testable import Runtime

/// Goal: while nobody waits for fresh numbers a partition is worked on until its commit; otherwise all are in turn. Method: one
/// thread, turns of no length, batches of 5 records, and a log that notes whose batches were read.
@Suite struct WorkerPoolTests {
  private static let topology = """
    topology: turns
    views:
      activity:
        rollup: { of: events, by: event_type, measures: { events: count }, grains: { hour: forever } }
    """

  @Test func aTurnLastsUntilTheEndIsCommitted() throws {
    #expect(try turns(records: [40, 40, 40], .toEnd) == [0, 1, 2])
  }

  @Test func aTurnLastsUntilACommit() throws {
    // A file's reader counts all that it holds of the file: 40 and 35 records, then 30, 25 and 20, then the rest.
    let turns = try turns(records: [40, 40], .toEnd, commitBytes: 99 * 60)
    #expect(turns == [0, 1, 0, 1, 0, 1])
  }

  @Test func whoPacesItselfGoesFromOneToTheNext() throws {
    let turns = try turns(records: [40, 40, 40], .toEnd, pace: Pace(percent: 100, cores: 1))
    #expect(Array(turns.prefix(6)) == [0, 1, 2, 0, 1, 2])
  }

  @Test func onceOneIsAtItsEndAllAreInTurn() throws {
    let behind = try turns(records: [40, 40], .follow)
    #expect(Array(behind.prefix(2)) == [0, 1] && behind.count < 8, "\(behind)")
    let beside = try turns(records: [0, 40, 40], .follow).drop { $0 == 0 }
    #expect(beside.filter { $0 != 0 }.prefix(4) == [1, 2, 1, 2])
  }

  /// Whose batches were read, one entry for those that followed each other.
  private func turns(
    records: [Int], _ mode: WorkerPool.Mode, commitBytes: Int = 1 << 20, pace: Pace? = nil
  ) throws -> [Int] {
    let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-turns-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let plan = try Plan(try Topology.load(text: WorkerPoolTests.topology, file: "turns.yaml"))
    var paths: [String] = []
    for (partition, count) in records.enumerated() {
      paths.append(directory.appending(path: "\(partition).ndjson").path)
      let lines = (0..<count).map { number in
        let time = Timestamp(milliseconds: 1_772_323_200_000 + Int64(number))
        return #"{"event_id":"e\#(10 + number)","event_type":"a","user_id":"u\#(partition)","timestamp":"\#(time)"}"#
          .padding(toLength: 98, withPad: " ", startingAt: 0) + "\n"
      }
      try lines.joined().write(toFile: paths[partition], atomically: true, encoding: .utf8)
    }
    let log = NotedLog(try FileLog(paths: paths, shape: .keyed))
    var options = PartitionTask.Options()
    options.batchRecords = 5
    options.checksPlacement = false
    options.policy = CommitPolicy(everyMilliseconds: .max, everyBytes: commitBytes)
    let stopped = Mutex<[String]>([])
    let pool = try makePool(directory, plan, log, options, mode, pace) { partition, failure in
      stopped.withLock { $0.append("\(partition): \(failure.message)") }
    }
    pool.start()
    if mode == .follow {
      let deadline = Date(timeIntervalSinceNow: 180)
      while pool.status.reduce(0, { $0 + $1.readThisRun }) < records.reduce(0, +), Date() < deadline { usleep(1_000) }
      pool.stop()
    }
    pool.wait()
    #expect(stopped.withLock { $0 } == [])
    #expect(pool.status.map(\.ledger.read) == records.map(Int64.init))
    return log.reads.withLock { reads in
      reads.indices.filter { $0 == 0 || reads[$0 - 1] != reads[$0] }.map { reads[$0] }
    }
  }

  private func makePool(
    _ directory: URL, _ plan: Plan, _ log: NotedLog, _ options: PartitionTask.Options, _ mode: WorkerPool.Mode,
    _ pace: Pace?, onStop: @escaping @Sendable (Int, Failure) -> Void
  ) throws -> WorkerPool {
    var tasks: [PartitionTask] = []
    for partition in 0..<log.partitionCount {
      let store = try Store(
        path: directory.appending(path: "state-\(partition)").path,
        Store.Options(budget: MemoryBudget(bytes: 64 << 20), stores: 1, merging: CellMerging()))
      tasks.append(
        try PartitionTask(
          partition: partition, of: log, from: { .start }, plan: plan, store: store, bytes: 1 << 20, options: options))
    }
    return WorkerPool(tasks, threads: 1, mode: mode, pace: pace, turnMilliseconds: 0, onStop: onStop)
  }
}

/// A log that notes which partition each batch was read from.
private final class NotedLog: Log {
  private let log: any Log
  let reads = Mutex<[Int]>([])

  init(_ log: any Log) { self.log = log }

  var partitionCount: Int { log.partitionCount }
  var hasStamps: Bool { log.hasStamps }
  func endOffset(partition: Int) throws(Failure) -> Int64? { try log.endOffset(partition: partition) }
  func reader(partition: Int, from position: LogPosition) throws(Failure) -> any LogReader {
    Reader(self, partition, try log.reader(partition: partition, from: position))
  }

  private final class Reader: LogReader {
    private let log: NotedLog
    private let partition: Int
    private let reader: any LogReader

    init(_ log: NotedLog, _ partition: Int, _ reader: any LogReader) {
      self.log = log
      self.partition = partition
      self.reader = reader
    }

    var bound: Int64 {
      get { reader.bound }
      set { reader.bound = newValue }
    }

    func read(into slice: LogSlice, maxBytes: Int, maxRecords: Int) throws(Failure) {
      try reader.read(into: slice, maxBytes: maxBytes, maxRecords: maxRecords)
      log.reads.withLock { $0.append(partition) }
    }
  }
}
