import Foundation
import Testing

/// Goal: whatever is sent to a server, each answer is one that was promised. Method: the short forms of `scripts/fuzz-collector`,
/// which sends what no good client would, and of `scripts/check-openapi`, where schemathesis makes requests of our own document.
@Suite(.serialized) struct ProtocolTests {
  private let scratch = Scratch()

  /// Without holding a thread of the tests' own, of which there are few: these take long.
  private func script(_ name: String, _ arguments: [String]) async throws -> Program.Result {
    let process = Process()
    process.executableURL = Program.root.appending(path: "scripts/\(name)")
    process.arguments = arguments
    process.environment = Program.environment.merging(["MILLRACE_BINARY": Program.binary.path]) { $1 }
    for name in ["out", "err"] { scratch.write(name, "") }
    process.standardOutput = try FileHandle(forWritingTo: scratch.file("out"))
    process.standardError = try FileHandle(forWritingTo: scratch.file("err"))
    process.standardInput = FileHandle.nullDevice
    let code: Int32 = try await withCheckedThrowingContinuation { continuation in
      process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
      do { try process.run() } catch { continuation.resume(throwing: error) }
    }
    return Program.Result(code: code, output: scratch.text("out"), errors: scratch.text("err"))
  }

  @Test func mutatedRequestsGetARightStatus() async throws {
    let fuzzed = try await script("fuzz-collector", ["--mutations", "2500", "--seed", "1"])
    #expect(fuzzed.code == 0, "\(fuzzed.errors.suffix(3_000))")
  }

  @Test func answersAreThoseOfTheDocument() async throws {
    let checked = try await script("check-openapi", ["--examples", "5"])
    guard checked.code != 69 else {
      print("skipped: schemathesis cannot be had from PyPI here: \(checked.errors.suffix(500))")
      return
    }
    #expect(checked.code == 0, "\(checked.output.suffix(4_000))\(checked.errors.suffix(1_000))")
  }
}
