import Basics
import Foundation
import Logs
import Stores
import Testing

@testable import Dataflow
@testable import Runtime

private let text = """
  topology: small
  views:
    activity:
      rollup: { of: events, by: [event_type], measures: { events: count, users: distinct(user_id) }, grains: { hour: forever, day: forever } }
    visits:
      rollup: { of: sessions, measures: { sessions: count, duration: sum(duration) }, grains: { hour: forever } }
    path:
      funnel: { steps: [a, b], within: 1h }
  """

/// Goal: what is served is proved to be what its log gives, and a single stored cell that is not is found and named. Method: a
/// small generation; one cell of its store is changed behind its back.
@Suite struct RebuildCheckTests {
  private final class Made {
    let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-verify-\(UUID().uuidString)")
    let data: DataDirectory
    let input: BoundedRun.Input
    let options = BoundedRun.Options(memory: 256 << 20, threads: 2)

    init() throws {
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      let file = directory.appending(path: "events.ndjson").path
      var lines = ""
      for number in 0..<2_000 {
        let time = Timestamp(milliseconds: 1_772_323_200_000 + Int64(number) * 97_000)
        lines +=
          "{\"event_id\":\"e\(number % 1_980)\",\"event_type\":\"\(["a", "b", "c"][number % 3])\","
          + "\"user_id\":\"u\(number * 7 % 41)\",\"timestamp\":\"\(time)\"}\n"
      }
      try lines.write(toFile: file, atomically: true, encoding: .utf8)
      input = .files([file], keyed: false, partitions: 3)
      data = try DataDirectory(directory.appending(path: "data").path, create: true)
      let topology = try Topology.load(text: text, file: "small.yaml")
      let run = try BoundedRun(data, topologyFile: (text, topology), input: input, options: options) { _, _ in }
      try finish(run)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    func finish(_ run: BoundedRun) throws(Failure) {
      run.topology.start()
      run.topology.wait()
      for status in run.topology.statuses { if let failure = status.failure { throw failure } }
    }

    func check(_ comparing: Verification.Options = Verification.Options()) throws -> RebuildCheck.Result {
      let served = try OfflineTopology(data, topology: "small", memory: 64 << 20)
      return try RebuildCheck(of: served).run(data, input: input, options: options, comparing: comparing) {
        (run) throws(Failure) in try self.finish(run)
      }
    }

    /// Rewrites the first cell block of a table with a change.
    func alter(partition: Int, table: UInt16, grain: Grain, _ change: (CellTable) -> Void) throws {
      let generation = try Generation.load(data, topology: "small")
      let store = try generation.openStore(partition, budget: MemoryBudget(bytes: 64 << 20), readOnly: false)
      var first = ByteWriter()
      var last = ByteWriter()
      KeyLayout.cells(table: table, grain: grain, bucket: .min, into: &first)
      KeyLayout.cells(table: table, grain: grain, bucket: .max, into: &last)
      let transaction = Transaction()
      try store.snapshot().scan(from: first.bytes, to: last.bytes) { key, value throws(Failure) in
        let cells = CellTable(schema: try CellBlock.schema(of: value), dictionary: TextDictionary())
        try CellBlock.decode(value, into: cells) { _ in 0 }
        change(cells)
        var writer = ByteWriter()
        CellBlock.encode(cells, cells: Array(0..<cells.count)[...], members: Members(cells), into: &writer)
        transaction.put(key, writer.bytes)
        return false
      }
      try store.commit(transaction)
    }
  }

  @Test func anUntouchedStateIsWhatItsLogGives() throws {
    let made = try Made()
    let result = try made.check()
    #expect(result.isEqual, "\(result.differences) \(result.others)")
    #expect(result.cells > 100)
    #expect(try made.check().digest == result.digest, "a digest is of the cells alone")
    #expect(
      !FileManager.default.fileExists(atPath: made.directory.appending(path: "data/topologies/small/scratch").path))
  }

  @Test func aCountThatIsOffByOneIsNamed() throws {
    let made = try Made()
    let before = try made.check().digest
    try made.alter(partition: 1, table: 0, grain: .day) { $0.columns[0].counts![0] += 1 }
    let result = try made.check()
    #expect(result.differingCells == 1)
    #expect(result.digest != before)
    let found = try #require(result.differences.first)
    #expect(result.differences.count == 1)
    #expect(found.view == "activity" && found.grain == "day" && found.partition == 1 && found.measure == "events")
    #expect(found.dimensions.map(\.name) == ["event_type"])
    #expect(Int(found.served ?? "") == (Int(found.rebuilt ?? "") ?? 0) + 1)
  }

  /// As many users, but another one.
  @Test func anotherUserIsNamed() throws {
    let made = try Made()
    try made.alter(partition: 0, table: 0, grain: .hour) { cells in
      let members = cells.columns.compactMap(\.members)[0]
      members.compact()
      // No user has this number; it is larger than any, so the order stays.
      members.keys[members.count - 1] = members.keys[members.count - 1] | 0xffff
    }
    let result = try made.check()
    #expect(result.differingCells == 1)
    #expect(result.differences.map(\.measure) == ["users of users"])
    #expect(result.differences.map(\.grain) == ["quarter_hour"])
  }

  @Test func aCellThatShouldNotBeThereIsNamed() throws {
    let made = try Made()
    try made.alter(partition: 2, table: 1, grain: .hour) { $0.columns[0].counts![0] += 5 }
    let result = try made.check()
    #expect(result.differences.map(\.view) == ["visits"])
    var options = Verification.Options()
    options.end = result.differences[0].bucket
    #expect(try made.check(options).isEqual, "only what is asked for is compared")
  }

  @Test func anotherNameOfAUserIsFound() throws {
    let made = try Made()
    let generation = try Generation.load(made.data, topology: "small")
    do {
      let store = try generation.openStore(0, budget: MemoryBudget(bytes: 64 << 20), readOnly: false)
      let all = KeyLayout.all("n")
      let transaction = Transaction()
      try store.snapshot().scan(from: all.start, to: all.end) { key, value throws(Failure) in
        var copy = Array(value)
        copy[1] ^= 1
        copy.span.withUnsafeBytes { transaction.put(key, $0) }
        return false
      }
      try store.commit(transaction)
    }
    let result = try made.check()
    #expect(result.differingCells == 0)
    #expect(result.others.count == 1 && result.others[0].contains("users"))
    #expect(!result.isEqual)
  }
}
