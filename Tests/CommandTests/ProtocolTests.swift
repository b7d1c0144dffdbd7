import Foundation
import Testing

/// Goal: whatever is sent to a server, each answer is one that was promised. Method: the short forms of `scripts/fuzz-collector`,
/// which sends what no good client would, and of `scripts/check-openapi`, where schemathesis makes requests of our own document.
@Suite(.serialized) struct ProtocolTests {
  private let scratch = Scratch()

  private func script(_ name: String, _ arguments: [String]) throws -> Program.Result {
    let process = Process()
    process.executableURL = Program.root.appending(path: "scripts/\(name)")
    process.arguments = arguments
    process.environment = Program.environment.merging(["MILLRACE_BINARY": Program.binary.path]) { $1 }
    for name in ["out", "err"] { scratch.write(name, "") }
    process.standardOutput = try FileHandle(forWritingTo: scratch.file("out"))
    process.standardError = try FileHandle(forWritingTo: scratch.file("err"))
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return Program.Result(code: process.terminationStatus, output: scratch.text("out"), errors: scratch.text("err"))
  }

  @Test func mutatedRequestsGetARightStatus() throws {
    let fuzzed = try script("fuzz-collector", ["--mutations", "2500", "--seed", "1"])
    #expect(fuzzed.code == 0, "\(fuzzed.errors.suffix(3_000))")
  }

  @Test func answersAreThoseOfTheDocument() throws {
    let checked = try script("check-openapi", ["--examples", "5"])
    guard checked.code != 69 else {
      print("skipped: schemathesis cannot be had from PyPI here: \(checked.errors.suffix(500))")
      return
    }
    #expect(checked.code == 0, "\(checked.output.suffix(4_000))\(checked.errors.suffix(1_000))")
  }
}
