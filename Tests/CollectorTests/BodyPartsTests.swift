import Basics
import Seeded
import Testing

@testable import Events

/// Goal: a body comes apart into the events its sender put together, whatever is in them, and nothing outside of it is read.
/// Method: bodies by hand, and bodies put together from random pieces, in memory that ends with them.
@Suite struct BodyPartsTests {
  /// The events found, or what was found wrong.
  private func events(_ body: String, limit: Int = 8) -> [String]? {
    let parts = BodyParts(limit: limit)
    return exactly(body) { bytes in
      guard parts.open(bytes, list: "events") == .whole else { return nil }
      return (0..<parts.eventCount).map { text(bytes, parts.events[$0]) }
    }
  }

  /// In memory of its own, so that a sanitizer sees a byte too much.
  private func exactly<T>(_ body: String, _ use: (UnsafeRawBufferPointer) -> T) -> T {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: body.utf8.count, alignment: 1)
    defer { bytes.deallocate() }
    bytes.copyBytes(from: body.utf8)
    return use(UnsafeRawBufferPointer(bytes))
  }

  private func text(_ bytes: UnsafeRawBufferPointer, _ range: ByteRange) -> String {
    String(decoding: bytes[Int(range.offset)..<Int(range.offset + range.length)], as: UTF8.self)
  }

  @Test func eventsAreFoundWhateverIsInThem() {
    #expect(events(#"{"events":[{"a":1},{"b":"]}\"{"}]}"#) == [#"{"a":1}"#, #"{"b":"]}\"{"}"#])
    #expect(
      events(#" { "x" : [ 1 ] , "events" : [ { } , 7 , "t" , [ { } ] , nul ] , "y" : "z" } "#)
        == ["{ }", "7", #""t""#, "[ { } ]", "nul"])
    #expect(events(#"{"events":[]}"#) == [])
    #expect(events(#"{"events":[1],"events":[2,3]}"#) == ["2", "3"])
    // Not one that can be read, and its neighbours are there all the same.
    #expect(events(#"{"events":[{"a":tru,,},{"b":1}]}"#) == [#"{"a":tru,,}"#, #"{"b":1}"#])
  }

  @Test func whatIsNoBodyIsSaidToBeNone() {
    for body in [
      "", " ", "[]", "{", "{}", "x", #"{"events":{}}"#, #"{"events":[}"#, #"{"events":[1,]}"#, #"{"events":[1 2]}"#,
      #"{"events":[{"a":"}]}"#, #"{"events":[1]}}"#, #"{"events":[1]"#, #"{"events"[1]}"#, #"{"events":[1],}"#,
      #"{"events":[1]} x"#, #"{"events":[1],"events":7}"#, #"{"event":[1]}"#, "{\"events\":[\u{0}]}",
      #"{"events":["a]}"#,
      #"{"events":["a\"]}"#, #"{events:[1]}"#,
    ] { #expect(events(body) == nil, "\(body)") }
  }

  @Test func moreThanTheLimitIsTooMany() {
    let parts = BodyParts(limit: 3)
    for (count, found) in [(2, BodyParts.Found.whole), (3, .whole), (4, .tooMany), (5, .tooMany)] {
      let list = Array(repeating: "{}", count: count)
      exactly(#"{"events":[\#(list.joined(separator: ","))]}"#) { #expect(parts.open($0, list: "events") == found) }
      exactly(list.joined(separator: "\n")) { #expect(parts.openLines($0) == found) }
    }
  }

  @Test func linesAreWhatIsBetweenBreaks() {
    let parts = BodyParts(limit: 8)
    exactly("\n {\"a\":1} \r\n\n\t\nx\n{}") { bytes in
      #expect(parts.openLines(bytes) == .whole)
      #expect((0..<parts.eventCount).map { text(bytes, parts.events[$0]) } == [#"{"a":1}"#, "x", "{}"])
    }
    exactly("") { #expect(parts.openLines($0) == .whole && parts.eventCount == 0) }
  }

  @Test func membersAreFoundByName() {
    let parts = BodyParts(limit: 1)
    exactly(#"{"a":"x\"y","n":-1.5e3,"o":{"a":2},"z":null,"e":"","a":"last"}"#) { bytes in
      #expect(parts.open(bytes) == .whole)
      #expect(parts.members.map { String(decoding: $0.name, as: UTF8.self) } == ["a", "n", "o", "z", "e", "a"])
      #expect(parts.member("a")?.text.map { String(decoding: $0, as: UTF8.self) } == "last")
      #expect(parts.member("n")?.kind == UInt8(ascii: "0") && parts.member("n")?.text == nil)
      #expect(parts.member("z")?.isMissing == true && parts.member("e")?.isMissing == true)
      #expect(parts.member("o")?.isMissing == false && parts.member("b") == nil)
    }
  }

  /// Blocks of 64 bytes begin anywhere in strings and behind backslashes.
  @Test(arguments: 0..<8) func randomEventsComeBack(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    let pieces = ["\\\\", "\\\"", "{", "}", "[", "]", ",", ":", "é", "x", " "]
    for _ in 0..<400 {
      let sent = (0..<random.below(5)).map { _ in
        let text = (0..<random.below(150)).map { _ in pieces[random.below(pieces.count)] }.joined()
        return random.below(2) == 0 ? #"{"k":"\#(text)"}"# : #"[["\#(text)"],{}]"#
      }
      #expect(events(#"{"events":[\#(sent.joined(separator: random.below(2) == 0 ? "," : " ,\n"))]}"#) == sent)
    }
  }
}
