import Foundation
import Testing

/// A text file of cases, input and expected output: `=== title`, the input, `>>>`, the output, an empty line.
struct Script {
  struct Case {
    var title: String
    var input: String
    var output: String
  }

  let path: String
  /// What stands before the first case.
  var introduction: String
  var cases: [Case]

  init(named name: String) throws {
    path = #filePath.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/Scripts/\(name)"
    let parts = try String(contentsOfFile: path, encoding: .utf8).components(separatedBy: "\n=== ")
    introduction = parts[0]
    cases = parts.dropFirst().map { part in
      let lines = part.components(separatedBy: "\n")
      let middle = lines.firstIndex(of: ">>>") ?? lines.count
      let output = lines.dropFirst(middle + 1).joined(separator: "\n")
      return Case(
        title: lines[0], input: lines[1..<middle].map { $0 + "\n" }.joined(),
        output: output.trimmingCharacters(in: .newlines))
    }
  }

  /// Compares each case with what `run` makes of it, or with REWRITE_SCRIPTS set writes that down.
  func check(_ run: (String) -> String) throws {
    var rewritten = introduction
    for scriptCase in cases {
      let output = run(scriptCase.input).trimmingCharacters(in: .newlines)
      rewritten += "\n=== \(scriptCase.title)\n\(scriptCase.input)>>>\n\(output)\n"
      if ProcessInfo.processInfo.environment["REWRITE_SCRIPTS"] == nil {
        #expect(output == scriptCase.output, "\(scriptCase.title)")
      }
    }
    guard ProcessInfo.processInfo.environment["REWRITE_SCRIPTS"] != nil else { return }
    try rewritten.write(toFile: path, atomically: true, encoding: .utf8)
  }
}
