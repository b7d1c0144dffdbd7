import Basics
import Bench
import Foundation

/// The same work in DuckDB, through its Python package: loaded and asked as one writes it first, tuned as far as we could, or
/// tuned and in memory only, which is less work.
struct DuckDB {
  private static let script = "scripts/compare_duckdb.py"

  private let program: BenchProgram
  /// As the script is told: `file`, `memory` or `plain`.
  private let place: String
  private let python: String
  private let script: String

  /// - Errors: `.invalid` when there is no such Python, no duckdb in it, or no script.
  init(_ arguments: Arguments, _ program: BenchProgram) throws(Failure) {
    self.program = program
    place =
      switch arguments.text("compare") {
      case "duckdb-memory": "memory"
      case "duckdb-tuned": "file"
      default: "plain"
      }
    let own = ".build/bench/bin/python"
    python = arguments.text("python") ?? (FileManager.default.isExecutableFile(atPath: own) ? own : "python3")
    script = try DuckDB.findScript()
    let output = program.scratch.path("duckdb.out")
    let usage = try ChildProcess(
      python, ["-c", "import duckdb"], output: output, errors: program.scratch.path("duckdb.err")
    )
    .wait()
    guard usage.code == 0 else {
      throw .invalid(
        "\(python) has no duckdb: 'scripts/bench' installs it, or 'pip install duckdb' and name that Python with --python"
      )
    }
  }

  /// Under the working directory, or above the program.
  private static func findScript() throws(Failure) -> String {
    var places = ["."]
    var directory = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/"
    while directory != "/", !directory.isEmpty {
      directory = (directory as NSString).deletingLastPathComponent
      places.append(directory)
    }
    for place in places where FileManager.default.fileExists(atPath: "\(place)/\(script)") {
      return "\(place)/\(script)"
    }
    throw .invalid("\(script) is not here: run 'millrace bench --compare duckdb' in a clone")
  }

  /// From the start of the process to the last query's answer; writing the rows down for the check is not counted.
  func measure(_ facts: BenchWork.Facts, _ check: inout AnswerCheck) throws(Failure) -> BenchSample {
    let scratch = program.scratch
    let answers = scratch.path("duckdb")
    try BenchScratch.makeDirectory(answers)
    let windows = facts.windows
    let words =
      [
        script, place, answers, "\(windows.first)", "\(windows.length)", "\(windows.count)",
      ] + facts.work.files(in: scratch.work)
    let output = scratch.path("duckdb.json")
    var usage = try ChildProcess(python, words, output: output).wait()
    guard usage.code == 0 else { throw .unavailable("\(script) ended with \(usage.code)") }
    let json = try program.json(output)
    guard let endedAt = json["ended_at_ns"] as? Int, let cpu = json["cpu_ns"] as? Int else {
      throw .corrupt("\(script) did not say when it had its answers")
    }
    usage.endedAt = Int64(endedAt)
    usage.cpuNanoseconds = Int64(cpu)
    let work = facts.work
    for (view, grain, keys) in [
      ("traffic", "minute", BenchTopology.trafficKeys), ("visits", "hour", BenchTopology.visitsKeys),
    ] {
      try check.compare(
        "duckdb, \(view)", expected: work.expected(view, grain: grain, in: scratch.work),
        answered: ["\(answers)/\(view).csv"], keyColumns: keys)
    }
    try check.compare(
      "duckdb, checkout", expected: work.expectedFunnel(in: scratch.work), answered: ["\(answers)/checkout.csv"],
      keyColumns: BenchTopology.checkoutKeys)
    return BenchSample(usage, events: facts.read, stateBytes: Int64(json["state_bytes"] as? Int ?? 0), json: [:])
  }
}
