import Basics
import Bench
import Foundation

/// This program in processes of its own, as somebody else would run it.
struct BenchProgram {
  let scratch: BenchScratch
  /// The file, not `/proc/self/exe`: that would be named by each child anew.
  private let binary: String

  init(_ scratch: BenchScratch) {
    self.scratch = scratch
    binary = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
  }

  /// - `errors`: where standard error goes; nil: to ours.
  func start(
    _ arguments: [String], input: Int32? = nil, output: String, errors: String? = nil
  ) throws(Failure) -> ChildProcess {
    try ChildProcess(binary, arguments, input: input, output: output, errors: errors)
  }

  @discardableResult
  func run(_ arguments: [String], output: String) throws(Failure) -> ChildProcess.Usage {
    let usage = try start(arguments, output: output).wait()
    try check(usage, arguments)
    return usage
  }

  func check(_ usage: ChildProcess.Usage, _ arguments: [String]) throws(Failure) {
    guard usage.code == 0 else {
      throw .unavailable("'millrace \(arguments.prefix(2).joined(separator: " ")) ...' ended with \(usage.code)")
    }
  }

  func json(_ path: String) throws(Failure) -> [String: Any] {
    guard let data = FileManager.default.contents(atPath: path),
      let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
    else { throw .corrupt("\(path) is not one JSON object") }
    return object
  }

  /// The work, made by another process: memory that this one had used would be counted as that of those it measures.
  func prepare(_ work: BenchWork, _ arguments: Arguments, what: Benchmark.What) throws(Failure) -> BenchWork.Facts {
    if let facts = work.facts(in: scratch.work) {
      BenchScratch.warm(work.files(in: scratch.work))
      return facts
    }
    Console.note("making \(Console.grouped(work.events)) lines and the answers expected of them")
    var words = ["bench", what.rawValue, "--prepare", "--work", scratch.work]
    for name in ["events", "users", "days", "bytes", "partitions", "seed", "rate", "duration", "log-level"] {
      if let value = arguments.text(name) { words += ["--\(name)", value] }
    }
    if work.isUniform { words.append("--uniform") }
    if arguments.has("live") { words.append("--live") }
    try run(words, output: scratch.path("prepare.out"))
    guard let facts = work.facts(in: scratch.work) else {
      throw .corrupt("\(scratch.work) does not hold the work that was made")
    }
    return facts
  }
}

extension BenchProgram {
  static func write(_ text: String, to path: String) throws(Failure) {
    do { try Data(text.utf8).write(to: URL(filePath: path)) } catch {
      throw .unavailable("cannot write \(path): \(error.localizedDescription)")
    }
  }

  /// A path as YAML.
  static func quoted(_ path: String) -> String {
    var json = JSONText()
    json.value(path)
    return json.text
  }
}
