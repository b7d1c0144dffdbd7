import Foundation

/// Programs of other people that tests are played against, from PyPI.
enum Peers {
  /// The Python that has these packages, given as `name==version`; nil, with the reason, where they cannot be had.
  static func python(_ packages: String...) -> (path: String?, reason: String) {
    let scratch = Scratch()
    let process = Process()
    process.executableURL = Program.root.appending(path: "scripts/peers")
    process.arguments = packages
    process.standardOutput = try! FileHandle(forWritingTo: touched(scratch.file("out")))
    process.standardError = try! FileHandle(forWritingTo: touched(scratch.file("err")))
    try! process.run()
    process.waitUntilExit()
    let path = scratch.text("out").trimmingCharacters(in: .whitespacesAndNewlines)
    return process.terminationStatus == 0 ? (path, "") : (nil, String(scratch.text("err").suffix(500)))
  }

  /// Runs a Python script of these tests. Output is that of the script; it is given what it needs to find its neighbours.
  static func run(_ python: String, _ script: String, _ arguments: [String]) -> Program.Result {
    let scratch = Scratch()
    let process = Process()
    process.executableURL = URL(filePath: python)
    process.arguments = [Program.root.appending(path: "Tests/CommandTests/Python/\(script)").path] + arguments
    process.environment = Program.environment.merging(["PYTHONDONTWRITEBYTECODE": "1"]) { $1 }
    process.standardOutput = try! FileHandle(forWritingTo: touched(scratch.file("out")))
    process.standardError = try! FileHandle(forWritingTo: touched(scratch.file("err")))
    process.standardInput = FileHandle.nullDevice
    try! process.run()
    process.waitUntilExit()
    return Program.Result(code: process.terminationStatus, output: scratch.text("out"), errors: scratch.text("err"))
  }

  private static func touched(_ file: URL) -> URL {
    try! Data().write(to: file)
    return file
  }
}
