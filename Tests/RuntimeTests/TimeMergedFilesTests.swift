import Basics
import Foundation
import Logs
import Testing

@testable import Runtime

/// Goal: an import's order is a function of its files, whatever their number. Method: many small files whose times tie, stand
/// still and go back, against the rule itself applied line by line: of the files' next lines the one whose file has come least
/// far, and among those the first file's.
@Suite struct TimeMergedFilesTests {
  private let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-merge-\(UUID().uuidString)")

  @Test(arguments: [1, 2, 3, 60]) func theFileThatHasComeLeastFarIsNext(count: Int) throws {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let times = (0..<count).map { file in
      (0..<(file * 7 % 11)).map { line in Int64(1_772_355_600_000 + line * 40 + (file * 31 + line * line * 17) % 90) }
    }
    let paths = times.indices.map { directory.appending(path: "\($0).ndjson").path }
    for (file, path) in paths.enumerated() {
      let lines = times[file].enumerated().map { line, time in
        // Every fifth line cannot be used: it has no time and keeps its place.
        line % 5 == 4
          ? "\(file) \(line)\n"
          : #"{"event_id":"\#(file) \#(line)","event_type":"a","user_id":"u","timestamp":\#(time)}"# + "\n"
      }
      try Data(lines.joined().utf8).write(to: URL(filePath: path))
    }
    let merged = try TimeMergedFiles(try FileLog(paths: paths, shape: .keyed))
    var found: [String] = []
    while let record = try merged.next() { found.append(String(decoding: record.bytes, as: UTF8.self)) }
    let expected = naive(times)
    #expect(found.count == expected.count)
    for (record, place) in zip(found, expected) where !record.contains(place) {
      Issue.record("\(record) stands where '\(place)' belongs")
      return
    }
  }

  private func naive(_ times: [[Int64]]) -> [String] {
    var next = times.map { _ in 0 }
    var reached = times.map { _ in Int64.min }
    func look(_ file: Int) {
      guard next[file] < times[file].count, next[file] % 5 != 4 else { return }
      reached[file] = max(reached[file], times[file][next[file]])
    }
    for file in times.indices { look(file) }
    var order: [String] = []
    while let file = times.indices.filter({ next[$0] < times[$0].count }).min(by: {
      (reached[$0], $0) < (reached[$1], $1)
    }) {
      order.append("\(file) \(next[file])")
      next[file] += 1
      look(file)
    }
    return order
  }
}
