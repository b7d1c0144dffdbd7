import Foundation
import Testing

@testable import Service

/// Goal: `/openapi.json` tells what the code does: every path with its methods and its parameters, and nothing else. Method: every
/// path that can be made of the words in the sources is asked with a method that no path has; where that is a 405 there is
/// something, and it says what may be done. Parameters are tried beside one that nobody knows, so that nothing is carried out.
@Suite struct OpenAPITests {
  private let test: TestNode
  private let document: OpenAPIDocument

  init() throws {
    test = try TestNode()
    let served = test.get("/openapi.json")
    #expect(served.header("Content-Type") == "application/json")
    document = try OpenAPIDocument(served.body)
  }

  /// Words between quotes that could be part of a path, or the name of a parameter.
  private static let words: [String] = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources")
    var words: Set<String> = []
    for module in ["Service", "Collector"] {
      for case let file as URL in FileManager.default.enumerator(
        at: root.appending(path: module), includingPropertiesForKeys: nil)!
      where file.pathExtension == "swift" && file.lastPathComponent != "UserAgent.swift" {
        let text = try! String(contentsOf: file, encoding: .utf8)
        for match in text.matches(of: /"([A-Za-z_.\/-]+)"/) {
          for word in match.1.split(separator: "/") { words.insert(String(word)) }
        }
      }
    }
    return words.sorted()
  }()

  /// What may be done at a path, without what goes without saying; nil when there is nothing.
  private func methods(_ path: String) -> Set<String>? {
    let answer = test.api.respond(Request("BREW", path))
    guard answer.status == 405 else { return nil }
    return Set((answer.header("Allow") ?? "").split(separator: ", ").map(String.init)).subtracting(["HEAD"])
  }

  private func documented(_ template: String) -> Set<String> {
    Set(document.operations.filter { $0.template == template }.map(\.method))
  }

  @Test func whatIsDocumentedIsThere() {
    for template in Set(document.operations.map(\.template)) {
      for path in document.paths(template) {
        #expect(methods(path) == documented(template), "\(path) of \(template)")
        #expect(document.template(of: path) == template)
      }
    }
    #expect(document.operations.count > 25)
  }

  @Test func whatIsThereIsDocumented() {
    // Thousands of words make millions of paths: those of programs that visit pages are no parts of any.
    let words = OpenAPITests.words.filter { $0.wholeMatch(of: /[a-z][a-z.]*/) != nil }
    #expect(words.count > 100 && words.contains("topologies") && words.contains("batch"))
    var tried = words.map { "/\($0)" } + ["/"] + words.map { "/\($0)/" }
    tried += words.flatMap { word in (words + ["one"]).map { "/\(word)/\($0)" } }
    tried += words.flatMap { word in words.map { "/\(word)/one/\($0)" } }
    var found = tried.filter { methods($0) != nil }
    // What has something below a name has more below that.
    let begun = Set(found.filter { $0.contains("/one/") })
    let deeper = begun.flatMap { path in ["\(path)/one"] + words.map { "\(path)/one/\($0)" } }
    found += deeper.filter { methods($0) != nil }
    #expect(found.count > 40)
    for path in found where !path.hasPrefix("/peers/") {
      let template = document.template(of: path)
      // Files that pages are made of.
      if template == nil, WebFiles.has(path) { continue }
      #expect(template.map(documented) == methods(path), "\(path) is not documented, or has other methods")
    }
  }

  @Test func parametersAreExactlyThose() {
    let names = Set(OpenAPITests.words.filter { $0.wholeMatch(of: /[a-z_]+/) != nil })
      .union(document.operations.flatMap(\.parameters)).union(["definition"])
    for operation in document.operations where !operation.ignoresOthers {
      let path = document.paths(operation.template)[0]
      /// Those that are refused and documented, or taken and not.
      func wrong(_ known: Set<String>, _ ask: (String) -> Request) -> [String] {
        names.sorted().filter { name in
          let answer = test.api.respond(ask(name))
          let refused = known.contains(name) ? "zzz" : name
          return answer.status != 400 || !answer.body.contains("there is no parameter '\(refused)'")
        }
      }
      let inQuery = wrong(operation.parameters) { Request(operation.method, path, query: [($0, "1"), ("zzz", "1")]) }
      #expect(inQuery == [], "\(operation.text): parameters")
      // Where a body has the same parameters, or a definition beside them.
      guard let members = operation.members, !operation.parameters.isEmpty else { continue }
      #expect(members.subtracting(["definition"]) == operation.parameters, "\(operation.text)")
      let inBody = wrong(members) { name in
        let body = #"{"\#(name)":"1","zzz":"1"}"#
        return Request(operation.method, path, body: Array(body.utf8), contentType: "application/json")
      }
      #expect(inBody == [], "\(operation.text): members of the body")
    }
  }

  @Test func rolesAreThoseOfTheTags() {
    for operation in document.operations {
      for path in document.paths(operation.template) {
        let tag =
          switch Door.purpose(of: Request(operation.method, path)) {
          case .liveness: "liveness"
          case .pages: "pages"
          case .collecting: "collecting"
          case .reading: "reading"
          case .peers: "peers"
          case .operating: "operating"
          }
        #expect(operation.tags == [tag], "\(operation.text)")
      }
      #expect(["liveness", "pages"].contains(operation.tags[0]) || operation.statuses.isSuperset(of: ["401", "403"]))
    }
  }

  @Test func itHoldsTogether() {
    #expect(document.root["openapi"] as? String == "3.1.0")
    #expect(document.dangling.isEmpty, "\(document.dangling)")
    let names = document.operations.map(\.name)
    #expect(Set(names).count == names.count && !names.contains(""))
  }
}
