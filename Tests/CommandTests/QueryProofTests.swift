import Foundation
import Testing

/// Goal: answers are what another program makes of the same events. Method: `scripts/prove-queries` in short: random questions to
/// a server, each compared with DuckDB. Without PyPI nothing is tested, and that is said.
@Suite struct QueryProofTests {
  @Test func answersAreDuckDBs() throws {
    let process = Process()
    process.executableURL = Program.root.appending(path: "scripts/prove-queries")
    let environment = ProcessInfo.processInfo.environment
    process.arguments = [
      "--queries", environment["MILLRACE_QUERIES"] ?? "60", "--events", "20000", "--seed", "7",
    ]
    process.environment = Program.environment.merging(["MILLRACE_BINARY": Program.binary.path]) { $1 }
    let scratch = Scratch()
    try Data().write(to: scratch.file("out"))
    process.standardOutput = try FileHandle(forWritingTo: scratch.file("out"))
    process.standardError = process.standardOutput
    try process.run()
    process.waitUntilExit()
    if process.terminationStatus == 3 {
      print("skipped: DuckDB for Python cannot be had from PyPI here")
      return
    }
    #expect(process.terminationStatus == 0, "\(scratch.text("out"))")
  }
}
