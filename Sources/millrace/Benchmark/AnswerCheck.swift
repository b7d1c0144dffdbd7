import Basics
import Bench
import Foundation

/// Reads answers back with processes of their own and holds them against what was expected.
struct AnswerCheck {
  let program: BenchProgram
  private(set) var rows = 0

  init(_ program: BenchProgram) { self.program = program }

  /// Every cell of every view, and the funnel over all windows.
  ///
  /// - `places`: the options that name a data directory, of each process that did a part of the work.
  /// - Errors: `.corrupt` with the first differing rows.
  mutating func check(_ facts: BenchWork.Facts, places: [[String]]) throws(Failure) {
    let (work, directory) = (facts.work, program.scratch.work)
    let views = [
      ("traffic", work.grains.traffic, BenchTopology.trafficKeys),
      ("visits", work.grains.visits, BenchTopology.visitsKeys),
    ]
    for (view, grains, keys) in views {
      for grain in grains {
        try check(
          view: view, grain: grain, keyColumns: keys, expected: work.expected(view, grain: grain, in: directory),
          places: places)
      }
    }
    let answered = program.scratch.path("answered-checkout.csv")
    try writeFunnel(facts.windows, places: places, to: answered)
    try compare(
      "checkout", expected: work.expectedFunnel(in: directory), answered: [answered],
      keyColumns: BenchTopology.checkoutKeys)
  }

  mutating func check(
    view: String, grain: String, keyColumns: Int, expected: String, places: [[String]]
  ) throws(Failure) {
    var answered: [String] = []
    for (part, place) in places.enumerated() {
      let file = program.scratch.path("answered-\(view)-\(grain)-\(part).csv")
      try program.run(["export", view, "--grain", grain] + place, output: file)
      answered.append(file)
    }
    try compare("\(view) by \(grain)", expected: expected, answered: answered, keyColumns: keyColumns)
    for file in answered { unlink(file) }
  }

  /// Rows in a file against those expected; for answers that others gave.
  mutating func compare(
    _ what: String, expected: String, answered: [String], keyColumns: Int
  ) throws(Failure) {
    let comparison = try RowComparison(expected: expected, answered: answered, keyColumns: keyColumns)
    guard comparison.isEqual else { throw .corrupt("the answers are wrong: \(what): \(comparison.text)") }
    rows += comparison.rows
  }

  /// What a run says it did with the records.
  func checkLedger(_ json: [String: Any], read: Int, counted: Int) throws(Failure) {
    let expected = [
      ("read", read), ("counted", counted), ("duplicates", read - counted), ("late", 0), ("quarantined", 0),
      ("collisions", 0),
    ]
    for (name, count) in expected where json[name] as? Int != count {
      throw .corrupt("the answers are wrong: \(count) \(name) were expected, not \(json[name] ?? "none")")
    }
  }

  /// Users of different processes are different users, so their counts add up.
  private func writeFunnel(_ windows: FunnelWindows, places: [[String]], to path: String) throws(Failure) {
    var rows = try RowWriter(path)
    rows.header("entries," + BenchTopology.steps.joined(separator: ","))
    let output = program.scratch.path("funnel.json")
    for window in 0...windows.count {
      var counts = [0, 0, 0]
      for place in places {
        var words = ["funnel", "checkout", "--json"] + place
        if window < windows.count { words += ["--start", windows.start(window), "--end", windows.start(window + 1)] }
        try program.run(words, output: output)
        let steps = try program.json(output)["steps"] as? [[String: Any]] ?? []
        for (index, step) in steps.enumerated() where index < 3 {
          counts[index] += step["users_completed"] as? Int ?? 0
        }
      }
      rows.row([windows.name(window)], counts.map(String.init))
    }
    try rows.finish()
  }
}
