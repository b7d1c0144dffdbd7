import Basics
import Foundation
import Testing

@testable import Runtime

/// Goal: documents and their versions are what was told, whatever was half done when the power went, and there are never more
/// than may be. Method: stores over one directory, one after the other, with leavings in between.
@Suite struct VersionedDocumentsTests {
  private let directory = "\(NSTemporaryDirectory())/documents-\(UUID().uuidString)"

  private func store(_ change: (inout VersionedDocuments.Limits) -> Void = { _ in }) -> VersionedDocuments {
    var limits = VersionedDocuments.Limits()
    change(&limits)
    return VersionedDocuments(directory, limits: limits)
  }

  private func leave(_ path: String, _ text: String) throws {
    let file = URL(filePath: "\(directory)/\(path)")
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  @Test func whatWasToldIsThereAfterwards() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let first = store()
    #expect(try first.all().isEmpty && first.newest("a") == nil && first.versions("a").isEmpty)
    for text in ["one", "two", "three"] {
      let made = try first.change("a") { number, before in "\(text) after \(before?.text ?? "-") as \(number)" }
      #expect(try store().newest("a") == made)
    }
    #expect(try first.change("a") { _, _ in nil } == nil)
    #expect(
      try store().versions("a").map(\.text) == [
        "three after two after one after - as 1 as 2 as 3", "two after one after - as 1 as 2", "one after - as 1",
      ])
    // A version that was being written, and a document that was being removed.
    try leave("a/00000004.json.new", "half")
    try leave("b.gone/00000001.json", "gone")
    try leave("Not an id/00000001.json", "other")
    let second = store()
    #expect(try second.all().map(\.id) == ["a"])
    #expect(!FileManager.default.fileExists(atPath: "\(directory)/b.gone"))
    #expect(try second.remove("a") { $0.number == 1 } == false)
    #expect(try second.remove("a") { $0.number == 3 })
    #expect(try store().all().isEmpty && second.versions("a").isEmpty)
    #expect(try second.change("a") { _, before in before == nil ? "anew" : nil }?.number == 1)
  }

  @Test func thereAreNeverMoreThanMayBe() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let few = store {
      $0.documents = 2
      $0.versions = 3
      $0.bytes = 20
    }
    for number in 1...5 { #expect(try few.change("a") { _, _ in "text \(number)" }?.number == number) }
    #expect(try few.versions("a").map(\.number) == [5, 4, 3])
    _ = try few.change("b") { _, _ in "text" }
    #expect(throws: Failure.self) { try few.change("c") { _, _ in "" } }
    #expect(throws: Failure.self) { try few.change("b") { _, _ in "more than twenty" } }
    #expect(try few.change("a") { _, _ in "shorter" }?.number == 6)
    #expect(try few.all().map(\.version.text) == ["shorter", "text"])
  }

  @Test func idsAreNamesOfDirectories() {
    for id in ["a", "0", "sales-2026", String(repeating: "x", count: 64)] { #expect(VersionedDocuments.isID(id)) }
    for id in ["", "-a", "A", "a.b", "..", "a/b", "ä", "a b", String(repeating: "x", count: 65)] {
      #expect(!VersionedDocuments.isID(id), "\(id)")
    }
  }
}
