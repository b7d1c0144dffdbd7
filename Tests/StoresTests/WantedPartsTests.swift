import Basics
import Foundation
import Testing

@testable import Stores

/// Goal: only a scan that names what it wants is given less than all of it, and nothing of that is ever stored.
@Suite struct WantedPartsTests {
  /// Puts what was wanted before the values, so that it shows.
  private struct Telling: Merging {
    var name: StaticString { "telling" }
    func merge(
      _ values: [UnsafeRawBufferPointer], wanted: WantedParts?, into writer: inout ByteWriter
    ) throws(Failure) {
      for byte in (wanted.map { "\($0.parts)" } ?? "").utf8 { writer.byte(byte) }
      for value in values { writer.raw(value) }
    }
  }

  @Test func nobodyElseIsGivenLess() throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-wanted-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let store = try Store(
      path: directory.appending(path: "store").path,
      Store.Options(budget: MemoryBudget(bytes: 64 << 20), stores: 1, merging: Telling()))
    for round in ["1", "2"] {
      let transaction = Transaction()
      for key in ["a", "b"] {
        Array(key.utf8).withUnsafeBytes { key in
          Array(round.utf8).withUnsafeBytes { transaction.merge(key, $0) }
        }
      }
      try store.commit(transaction)
    }
    let snapshot = store.snapshot()
    var seen: [String] = []
    try scan(snapshot, WantedParts([3, 4])) { value throws(Failure) in
      seen.append(value)
      // Whoever reads meanwhile wants all of it.
      seen.append(try snapshot.get(Array("a".utf8)).map { String(decoding: $0, as: UTF8.self) } ?? "none")
      try scan(snapshot, nil) { seen.append($0) }
    }
    #expect(seen == ["[3, 4]12", "12", "12", "12", "[3, 4]12", "12", "12", "12"])
    // The flush merges on RocksDB's thread, and what is stored is given as it is.
    try store.flush()
    seen = []
    try scan(store.snapshot(), WantedParts([3, 4])) { seen.append($0) }
    try scan(store.snapshot(), nil) { seen.append($0) }
    #expect(seen.suffix(2) == ["12", "12"], "\(seen)")
  }

  private func scan(
    _ snapshot: Snapshot, _ wanted: WantedParts?, _ body: (String) throws(Failure) -> Void
  ) throws(Failure) {
    var first = ByteWriter()
    first.byte(0)
    var last = ByteWriter()
    last.byte(255)
    try snapshot.scan(from: first.bytes, to: last.bytes, wanted: wanted) { _, value throws(Failure) in
      try body(String(decoding: value, as: UTF8.self))
      return true
    }
  }
}
