import Foundation

/// One of the project's scripts, with the program that was built for the tests.
enum Script {
  /// Without holding a thread of the tests' own, of which there are few: these take long.
  static func run(_ name: String, _ arguments: [String], _ scratch: Scratch) async throws -> Program.Result {
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
}
