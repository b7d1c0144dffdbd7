import Basics
import Dataflow
import Foundation
import Seeded
import Settings
import Testing

/// Goal: no file, whatever is in it, does more than fail with a message. Method: garbage by hand, by mutation of good
/// files and at random, each from a seed.
@Suite struct Garbage {
  private func message(_ text: String) -> String {
    do throws(Failure) {
      _ = try Topology.load(text: text, file: "g")
      return "ok"
    } catch {
      return error.message
    }
  }

  @Test func deepNestingIsRefused() {
    for (open, count) in [("[", 200_000), ("{a: ", 100_000), ("- ", 100_000), ("? ", 100_000), ("[a, {b: ", 50_000)] {
      #expect(message(String(repeating: open, count: count)).hasPrefix("g:"), "\(open)")
    }
    let message = message("a: " + String(repeating: "[", count: 40))
    #expect(message == "g:1:35: more than 32 lists and mappings inside each other")
  }

  @Test func hugeFilesAreRefused() {
    #expect(message(String(repeating: "a", count: 2 << 20)) == "g:1:1: the file is larger than 1MiB")
  }

  @Test func controlCharactersAreLocated() {
    #expect(
      message("topology: ü\nviews: \u{1}") == "g:2:8: not YAML: control characters are not allowed; is it a text file?")
  }

  @Test func byteOrderMarkAndCRLFAreText() {
    let text = "\u{FEFF}topology: a\r\nviews:\r\n  v: {funnel: {steps: [a, b], within: 1h}}\r\nx: 1\r\n"
    #expect(
      message(text) == "g:4:1: unknown key 'x'; expected one of source, sessions, dead_letters, guarantee, timezone")
  }

  @Test func manyProblemsAreCutOff() {
    let lines = message((0..<200).map { "key\($0): 1" }.joined(separator: "\n")).split(separator: "\n")
    #expect(lines.count == 51)
    #expect(lines.last == "g: and 152 more")
  }

  @Test func bytesThatAreNotTextAreLocated() throws {
    let path = FileManager.default.temporaryDirectory.path + "/millrace-garbage-\(UUID().uuidString).yaml"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data([0x61, 0x3a, 0x20, 0x62, 0x0a, 0xff, 0xfe, 0x0a]).write(to: URL(fileURLWithPath: path))
    #expect(throws: Failure.invalid("\(path):2: not a text file: the bytes are not UTF-8")) {
      try Topology.load(path: path)
    }
  }

  @Test(arguments: 1...300 as ClosedRange<UInt64>)
  func mutatedFilesNeverCrash(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let name = ["web", "shop", "community"][random.below(3)]
    var text = Array(try TextFile.read("\(ShippedFiles.root)/topologies/\(name).yaml").unicodeScalars)
    let signs = Array("{}[],:'\"#&*!|>%@`-? \n\tab1~\u{0}\u{7f}ü\u{2028}".unicodeScalars)
    for _ in 0...random.below(6) {
      let index = random.below(text.count)
      switch random.below(4) {
      case 0: text.remove(at: index)
      case 1: text[index] = signs[random.below(signs.count)]
      case 2: text.insert(signs[random.below(signs.count)], at: index)
      default: text.removeSubrange(index..<min(text.count, index + random.below(40)))
      }
    }
    var mutated = String.UnicodeScalarView()
    mutated.append(contentsOf: text)
    let result = message(String(mutated))
    #expect(
      result == "ok" || result.split(separator: "\n").allSatisfy { $0.hasPrefix("g:") }, "seed \(seed): \(result)")
  }

  @Test(arguments: 1...300 as ClosedRange<UInt64>)
  func randomBytesNeverCrash(_ seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let bytes = (0..<random.below(400)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    #expect(message(String(decoding: bytes, as: UTF8.self)).hasPrefix("g:"), "seed \(seed)")
  }
}
