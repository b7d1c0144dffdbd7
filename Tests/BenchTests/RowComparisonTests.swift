import Basics
import Foundation
import Testing

@testable import Bench

/// Goal: a wrong answer does not pass for a measurement. Method: rows as `millrace export` prints them, each time with one
/// thing changed.
@Suite struct RowComparisonTests {
  private let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-\(UUID().uuidString)")
  private let rows = [
    "2026-03-01T00:00:00Z,click,DE,12,0.00,3", "2026-03-01T00:00:00Z,purchase,DE,2,22.99,1",
    "2026-03-01T00:01:00Z,click,AT,1,0.00,1",
  ]

  private func compare(_ expected: [String], _ answered: [String]...) throws -> RowComparison {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    func file(_ name: String, _ rows: [String], _ end: String) throws -> String {
      let file = directory.appending(path: name)
      try Data(((["bucket,event_type,geo.country,events,revenue,users"] + rows).joined(separator: end) + end).utf8)
        .write(to: file)
      return file.path
    }
    let wanted = try file("expected", expected, "\n")
    let parts = try answered.enumerated().map { try file("answered-\($0)", $1, "\r\n") }
    return try RowComparison(expected: wanted, answered: parts, keyColumns: 3)
  }

  @Test func equalRowsAreEqual() throws {
    let comparison = try compare(rows, rows)
    #expect(comparison.isEqual && comparison.rows == 3)
    #expect(try compare([], []).isEqual)
  }

  @Test(arguments: [
    ("12,0.00,3", "13,0.00,3"), ("22.99", "23.00"), ("22.99", "2299"), ("22.99", "2.299"), ("2,22.99", "2,"),
    (",3", ",-3"), (",DE,12", ",DK,12"), ("purchase", "purchasf"), ("22.99,1", "22.99,1,1"),
  ])
  func oneChangedValueIsSeen(_ from: String, _ to: String) throws {
    let changed = rows.map { $0.replacing(from, with: to) }
    #expect(changed != rows)
    let comparison = try compare(rows, changed)
    #expect(!comparison.isEqual)
    #expect(comparison.text.contains(rows.first { $0.contains(from) }!), "\(comparison.text)")
  }

  @Test func aMissingAndASurplusRowAreSeen() throws {
    for index in rows.indices {
      var fewer = rows
      fewer.remove(at: index)
      let missing = try compare(rows, fewer)
      #expect(missing.examples == [.init(expected: rows[index], answered: nil)])
      let surplus = try compare(fewer, rows)
      #expect(surplus.examples == [.init(expected: nil, answered: rows[index])])
    }
  }

  @Test func partsAreAddedUp() throws {
    let one = ["2026-03-01T00:00:00Z,click,DE,10,0.00,2", rows[2]]
    let other = ["2026-03-01T00:00:00Z,click,DE,2,0.00,1", rows[1]]
    #expect(try compare(rows, one, other).isEqual)
    #expect(try !compare(rows, one, other + one.suffix(1)).isEqual)
  }

  @Test func disorderAndCutFilesAreErrors() throws {
    #expect(throws: Failure.self) { try compare(rows, rows.reversed()) }
    #expect(throws: Failure.self) { try compare(rows, [rows[0], rows[0]]) }
  }
}
