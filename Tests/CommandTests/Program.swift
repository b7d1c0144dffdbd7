import Foundation
import Testing

/// The program as it is shipped: `MILLRACE_BINARY`, else the release build, else the debug build.
struct Program {
  struct Result {
    var code: Int32
    var output: String
    var errors: String

    /// The one JSON object on standard output; anything else there fails the test.
    var json: [String: Any] {
      let lines = output.split(separator: "\n")
      #expect(lines.count == 1, "standard output is not one line: \(output)")
      let object = try? JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
      #expect(object != nil, "standard output is not a JSON object: \(output) \(errors)")
      return object ?? [:]
    }
  }

  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static let binary: URL = {
    if let path = ProcessInfo.processInfo.environment["MILLRACE_BINARY"] { return URL(filePath: path) }
    for configuration in ["release", "debug"] {
      let binary = root.appending(path: ".build/\(configuration)/millrace")
      if FileManager.default.isExecutableFile(atPath: binary.path) { return binary }
    }
    fatalError("build first: swift build -c release")
  }()

  /// - `environment`: variables added to the test's own.
  static func start(
    _ arguments: [String], output: URL, errors: URL, environment: [String: String] = [:]
  ) -> Process {
    let process = Process()
    process.executableURL = binary
    process.arguments = arguments
    process.currentDirectoryURL = root
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    for file in [output, errors] { try! Data().write(to: file) }
    process.standardOutput = try! FileHandle(forWritingTo: output)
    process.standardError = try! FileHandle(forWritingTo: errors)
    process.standardInput = FileHandle.nullDevice
    try! process.run()
    return process
  }

  static func run(_ arguments: String...) -> Result { run(arguments) }

  static func run(_ arguments: [String], environment: [String: String] = [:]) -> Result {
    let scratch = Scratch()
    let process = start(
      arguments, output: scratch.file("out"), errors: scratch.file("err"), environment: environment)
    process.waitUntilExit()
    return Result(
      code: process.terminationStatus, output: scratch.text("out"), errors: scratch.text("err"))
  }
}

/// A directory of a test's own, removed with it.
final class Scratch {
  let directory: URL

  init() {
    directory = FileManager.default.temporaryDirectory.appending(path: "millrace-\(UUID().uuidString)")
    try! FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: directory) }

  func file(_ name: String) -> URL { directory.appending(path: name) }
  func path(_ name: String) -> String { file(name).path }
  func text(_ name: String) -> String { String(decoding: (try? Data(contentsOf: file(name))) ?? Data(), as: UTF8.self) }

  @discardableResult
  func write(_ name: String, _ text: String) -> String {
    try! Data(text.utf8).write(to: file(name))
    return path(name)
  }
}

/// Exported cells as dictionaries.
func export(_ view: String, grain: String, data: String) -> [[String: String]] {
  let result = Program.run("export", view, "--grain", grain, "--data", data, "--format", "ndjson")
  #expect(result.code == 0, "\(result.errors)")
  return result.output.split(separator: "\n").map { line in
    let object = (try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]) ?? [:]
    return object.mapValues { "\($0)" }
  }
}

func total(_ rows: [[String: String]], _ measure: String) -> Int {
  rows.reduce(0) { $0 + (Int($1[measure] ?? "") ?? 0) }
}
