import Basics
import Foundation
import Seeded
import Testing

@testable import Stores

/// Goal: how a commit is written shows in nothing that is read. Method: the same random transactions into a store that writes
/// them through RocksDB's log and into one that writes each as a table where it can; then what a commit without room leaves.
@Suite struct TableCommitTests {
  private let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-tables-\(UUID().uuidString)")

  private struct Sum: Merging {
    var name: StaticString { "sum" }
    func merge(
      _ values: [UnsafeRawBufferPointer], wanted: WantedParts?, into writer: inout ByteWriter
    ) throws(Failure) {
      writer.fixed64(UInt64(values.reduce(0) { $0 &+ Int($1.loadUnaligned(as: UInt64.self)) }))
    }
  }

  private func open(_ name: String, tableBytes: Int) throws -> Store {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    var options = Store.Options(budget: MemoryBudget(bytes: 64 << 20), stores: 1, merging: Sum())
    options.tableBytes = tableBytes
    return try Store(path: directory.appending(path: name).path, options)
  }

  private func tables(_ name: String) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: directory.appending(path: name).path)
      .filter { $0.hasSuffix(".sst") }.count
  }

  private func dump(_ snapshot: Snapshot) throws -> [String] {
    var rows: [String] = []
    try snapshot.scan(from: [0], to: [255]) { key, value in
      rows.append("\(String(decoding: key, as: UTF8.self)) \(Array(value))")
      return true
    }
    return rows
  }

  /// Keys of 1 to 12 bytes that share beginnings, so that some are told apart by their first eight bytes and some are not.
  private func key(_ random: inout SeededRandom) -> [UInt8] {
    let letters = random.bytes(random.number(0...3), from: 97...99)
    return Array((random.chance(50) ? "k" : "key-long-").utf8) + letters
  }

  private func fill(_ transaction: Transaction, _ random: inout SeededRandom) {
    for _ in 0..<random.number(0...9) {
      let key = self.key(&random)
      var value = ByteWriter()
      value.fixed64(UInt64(random.number(1...1_000)))
      switch random.number(0...9) {
      case 0: key.withUnsafeBytes { transaction.delete($0) }
      case 1:
        let other = self.key(&random)
        let isFirst = key.lexicographicallyPrecedes(other)
        (isFirst ? key : other).withUnsafeBytes { transaction.deleteRange($0, isFirst ? other : key) }
      case 2...5: key.withUnsafeBytes { transaction.merge($0, value.bytes) }
      default: transaction.put(key, value.bytes)
      }
    }
  }

  @Test(arguments: 1...8 as ClosedRange<UInt64>) func tablesSayWhatTheLogSays(seed: UInt64) throws {
    defer { try? FileManager.default.removeItem(at: directory) }
    var random = SeededRandom(seed: seed)
    var refused = 0
    for step in 0..<24 {
      // Opened anew each time: what was written is found again.
      let logged = try open("logged", tableBytes: .max)
      let tabled = try open("tabled", tableBytes: 0)
      #expect(try dump(tabled.snapshot()) == dump(logged.snapshot()), "seed \(seed), step \(step), opened")
      for _ in 0..<random.number(1...8) {
        var both = random
        let one = Transaction()
        let other = Transaction()
        fill(one, &random)
        fill(other, &both)
        if one.changes.tableOrder() == nil { refused += 1 }
        let before = tabled.snapshot()
        let said = try dump(before)
        try logged.commit(one)
        try tabled.commit(other)
        #expect(try dump(before) == said, "seed \(seed), step \(step): an older snapshot changed")
        #expect(try dump(tabled.snapshot()) == dump(logged.snapshot()), "seed \(seed), step \(step)")
      }
    }
    #expect(try tables("tabled") > 0 && refused > 5, "seed \(seed): \(refused) could not be tables")
  }

  @Test func aRangeDeletesWhatCameBeforeItAndNothingElse() throws {
    defer { try? FileManager.default.removeItem(at: directory) }
    let store = try open("ranges", tableBytes: 0)
    let transaction = Transaction()
    for name in ["a1", "a2", "a3", "b1"] { put(name, transaction) }
    try store.commit(transaction)
    // What follows the range in its own transaction stays.
    deleteRange("a", "b", transaction)
    put("a2", transaction)
    #expect(transaction.changes.tableOrder() != nil)
    try store.commit(transaction)
    #expect(try keys(store) == ["a2", "b1"])
    // What stands before it goes.
    put("a4", transaction)
    deleteRange("a", "b", transaction)
    #expect(transaction.changes.tableOrder() == nil)
    try store.commit(transaction)
    #expect(try keys(store) == ["b1"])
  }

  @Test func whatADeadProcessLeftIsRemoved() throws {
    defer { try? FileManager.default.removeItem(at: directory) }
    let path = directory.appending(path: "left").path
    try open("left", tableBytes: 0).flush()
    try Data("half a table".utf8).write(to: URL(filePath: "\(path)/commit.table"))
    let store = try open("left", tableBytes: 0)
    #expect(!FileManager.default.fileExists(atPath: "\(path)/commit.table"))
    #expect(try keys(store) == [])
  }

  static let mayMount = run(
    "probe=$(mktemp -d) && mount -t tmpfs -o size=64k none $probe && umount $probe; code=$?; rmdir $probe; exit $code")

  @Test(.enabled(if: TableCommitTests.mayMount, "mounting a small file system is not permitted here"))
  func aTableWithoutRoomChangesNothing() throws {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try #require(TableCommitTests.run("mount -t tmpfs -o size=30m none \(directory.path)"))
    defer { _ = TableCommitTests.run("umount -l \(directory.path) && rmdir \(directory.path)") }
    let store = try open("full", tableBytes: 1 << 20)
    let transaction = Transaction()
    let long = [UInt8](repeating: 7, count: 100 << 10)
    func fill(_ name: String) {
      for number in 100..<260 { long.withUnsafeBytes { transaction.put(Array("\(name)\(number)".utf8), $0) } }
    }
    fill("a")
    try store.commit(transaction)
    let before = try keys(store)
    #expect(before.count == 160)
    fill("b")
    #expect {
      try store.commit(transaction)
    } throws: { ($0 as? Failure)?.kind == .unavailable && ($0 as? Failure)?.message.contains("space") == true }
    #expect(try keys(store) == before)
    #expect(
      !FileManager.default.fileExists(atPath: "\(store.path)/commit.table"), "what did not fit would keep others out")
    transaction.clear()
    put("c", transaction)
    try store.commit(transaction)
    #expect(try keys(store) == before + ["c"])
  }

  /// Where the page cache cannot be passed by, tables go through it.
  @Test(.enabled(if: TableCommitTests.mayMount, "mounting a file system is not permitted here"))
  func everyFileSystemTakesTables() throws {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try #require(TableCommitTests.run("mount -t ramfs none \(directory.path)"))
    defer { _ = TableCommitTests.run("umount -l \(directory.path) && rmdir \(directory.path)") }
    #expect(
      !TableCommitTests.run("dd if=/dev/zero of=\(directory.path)/probe bs=4096 count=1 oflag=direct"),
      "it can be written to past the page cache: this tests nothing")
    let store = try open("cached", tableBytes: 0)
    let transaction = Transaction()
    put("a", transaction)
    try store.commit(transaction)
    #expect(try keys(store) == ["a"])
    #expect(try tables("cached") == 1)
  }

  private func put(_ key: String, _ transaction: Transaction) {
    [UInt8(1), 0, 0, 0, 0, 0, 0, 0].withUnsafeBytes { transaction.put(Array(key.utf8), $0) }
  }

  private func deleteRange(_ start: String, _ end: String, _ transaction: Transaction) {
    Array(start.utf8).withUnsafeBytes { transaction.deleteRange($0, Array(end.utf8)) }
  }

  private func keys(_ store: Store) throws -> [String] {
    var keys: [String] = []
    try store.snapshot().scan(from: [0], to: [255]) { key, _ in
      keys.append(String(decoding: key, as: UTF8.self))
      return true
    }
    return keys
  }

  private static func run(_ command: String) -> Bool {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", command]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }
}
