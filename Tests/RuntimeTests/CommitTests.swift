import Basics
import Dataflow
import Foundation
import Logs
import Stores
import Testing

@testable import Runtime

/// Goal: whatever moment the process or the machine dies at, the position in the store is the position of the state in it.
/// Method: a real store's write-ahead log is cut at many lengths, as a crash would cut it; each cut is opened, its position held
/// against its ledger, and read on to the end, which must give the same cells as a run that never stopped.
@Suite struct CommitTests {
  private static let topology = """
    topology: cut
    views:
      activity:
        rollup: { of: events, by: event_type, measures: { events: count, users: distinct(user_id) }, grains: { hour: forever } }
      visits:
        rollup: { of: sessions, measures: { sessions: count, duration: sum(duration) }, grains: { hour: forever } }
      path:
        funnel: { steps: [a, b], within: 1h }
    """

  private let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-cut-\(UUID().uuidString)")

  @Test func positionAndStateAreOneWrite() throws {
    defer { try? FileManager.default.removeItem(at: directory) }
    let (input, plan, expected) = try prepare()

    let files = try FileManager.default.contentsOfDirectory(atPath: whole)
    let log = try #require(
      files.first { $0.hasSuffix(".log") }, "the store flushed its write-ahead log: use fewer events")
    let length = try #require(
      FileManager.default.attributesOfItem(atPath: "\(whole)/\(log)")[.size] as? Int)
    var offsets: Set<Int64> = []
    for cut in stride(from: 0, through: length, by: max(1, length / 60)) {
      let copy = directory.appending(path: "cut-\(cut)").path
      try FileManager.default.copyItem(atPath: whole, toPath: copy)
      #expect(truncate("\(copy)/\(log)", off_t(cut)) == 0)
      offsets.insert(try checkPosition(copy, plan, cut))
      #expect(try finish(copy, plan, input) == expected, "cut at byte \(cut)")
      try FileManager.default.removeItem(atPath: copy)
    }
    #expect(offsets.count > 20, "the cuts fell between few commits: \(offsets.sorted())")
  }

  /// Of commits that are tables and commits that are not none may be there without those before it. Method: stores that stopped at
  /// different places, each with its log whole, cut in half, and gone, as a machine that fails leaves it.
  @Test func tablesAndLogAreOneSequence() throws {
    defer { try? FileManager.default.removeItem(at: directory) }
    let (input, plan, expected) = try prepare()
    var behindTables = 0
    for steps in 1...12 {
      let stopped = directory.appending(path: "stopped-\(steps)").path
      try stop(stopped, plan, input, steps: steps)
      let files = try FileManager.default.contentsOfDirectory(atPath: stopped)
      let log = try #require(files.filter { $0.hasSuffix(".log") }.max())
      let length = try #require(FileManager.default.attributesOfItem(atPath: "\(stopped)/\(log)")[.size] as? Int)
      if length > 0, files.contains(where: { $0.hasSuffix(".sst") }) { behindTables += 1 }
      for cut in Set([0, length / 2, length]) {
        let copy = directory.appending(path: "copy").path
        try FileManager.default.copyItem(atPath: stopped, toPath: copy)
        #expect(truncate("\(copy)/\(log)", off_t(cut)) == 0)
        _ = try checkPosition(copy, plan, cut)
        #expect(try finish(copy, plan, input) == expected, "stopped after \(steps), its log cut at byte \(cut)")
        try FileManager.default.removeItem(atPath: copy)
      }
    }
    #expect(behindTables > 3, "few had commits of both kinds: \(behindTables)")
  }

  /// Commits of one record, which go to the log, and of twenty, which are tables, in turn.
  private func stop(_ path: String, _ plan: Plan, _ input: String, steps: Int) throws {
    var storeOptions = options
    storeOptions.tableBytes = 700
    let store = try Store(path: path, storeOptions)
    var bound: Int64 = 0
    for step in 0..<steps {
      let records = step % 3 == 1 ? 20 : 1
      bound += Int64(records)
      var options = PartitionTask.Options()
      options.batchRecords = records
      options.bounds = [bound]
      let task = try PartitionTask(
        partition: 0, of: try FileLog(paths: [input], shape: .sequence), from: { .start }, plan: plan, store: store,
        bytes: 1 << 20, options: options)
      while try task.step() == .applied {}
      try task.commit()
    }
  }

  @Test func aTaskCommitsExactlyAtItsBound() throws {
    defer { try? FileManager.default.removeItem(at: directory) }
    let (input, plan, expected) = try prepare()
    let path = directory.appending(path: "bounded").path
    for bound: Int64 in [0, 1, 7, 8, 250, 399, 400, 1_000] {
      let store = try open(path)
      var options = PartitionTask.Options()
      options.bounds = [bound]
      let task = try PartitionTask(
        partition: 0, of: try FileLog(paths: [input], shape: .sequence), from: { .start }, plan: plan, store: store,
        bytes: 1 << 20, options: options)
      while try task.step() == .applied {}
      if bound <= 400 { #expect(!task.hasUncommitted) }
      try task.commit()
      #expect(task.ledger.read == min(bound, 400))
      if bound > 0 { #expect(try PartitionTask.position(in: store)?.offset == min(bound, 400)) }
    }
    #expect(try finish(path, plan, input) == expected)
  }

  private func checkPosition(_ path: String, _ plan: Plan, _ cut: Int) throws -> Int64 {
    let store = try open(path)
    let position = try PartitionTask.position(in: store)
    let ledger = try Ledger.read(from: try store.get(KeyLayout.ledger), columns: plan.projection.columns.count)
    #expect((position?.offset ?? 0) == ledger.read, "cut at byte \(cut): the position is not the state's")
    return position?.offset ?? 0
  }

  /// Events, and what a store that never stopped says of them.
  private func prepare() throws -> (input: String, plan: Plan, expected: [String]) {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let input = directory.appending(path: "events.ndjson").path
    try writeEvents(400, to: input)
    let plan = try Plan(try Topology.load(text: CommitTests.topology, file: "cut.yaml"))
    return (input, plan, try finish(whole, plan, input))
  }

  private var whole: String { directory.appending(path: "whole").path }

  /// Reads on to the end with a commit per batch of 5 records and returns all exported cells.
  private func finish(_ path: String, _ plan: Plan, _ input: String) throws -> [String] {
    let store = try open(path)
    var options = PartitionTask.Options()
    options.batchRecords = 5
    options.policy.everyBytes = 1
    let task = try PartitionTask(
      partition: 0, of: try FileLog(paths: [input], shape: .sequence), from: { .start }, plan: plan, store: store,
      bytes: 1 << 20,
      options: options)
    while try task.step() == .applied {}
    try task.commit()
    let answers = try Answers(plan: plan, snapshots: [store.snapshot()])
    var rows: [String] = []
    for view in ["activity", "visits"] {
      try answers.export(view: view, grain: .hour) { rows.append("\($0)") }
    }
    rows.append("\(try answers.funnel(view: "path", start: nil, end: nil, by: false))")
    return rows
  }

  private func open(_ path: String) throws -> Store { try Store(path: path, options) }

  private var options: Store.Options {
    Store.Options(budget: MemoryBudget(bytes: 64 << 20), stores: 1, merging: CellMerging())
  }

  private func writeEvents(_ count: Int, to path: String) throws {
    var text = ""
    for number in 0..<count {
      let time = Timestamp(milliseconds: 1_772_323_200_000 + Int64(number) * 97_000)
      text +=
        "{\"event_id\":\"e\(number % (count - 20))\",\"event_type\":\"\(["a", "b", "c"][number % 3])\","
        + "\"user_id\":\"u\(number * 7 % 11)\",\"timestamp\":\"\(time)\"}\n"
    }
    try text.write(toFile: path, atomically: true, encoding: .utf8)
  }
}
