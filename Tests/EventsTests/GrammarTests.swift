import Basics
import Events
import Testing

/// Goal: exactly RFC 8259 passes, whatever is projected. Method: tables of documents, each inside a usable event where
/// nothing asks for it, and again where a column does.
@Suite struct GrammarTests {
  static let validValues = [
    "null", "true", "false", "0", "-0", "1", "-1.5", "1e400", "1E-400", "0e0", "0.0e+00",
    String(repeating: "9", count: 60), #""""#, #""a""#, #""\"\\\/\b\f\n\r\t\u0041""#, #""\u0000""#,
    #""\ud83d\ude00""#, #""\\""#, #""\\\\""#, #""\\\"""#, "\"\u{7f}\u{80}\u{10ffff}\"", "[]", "{}", "[ ]", "{ }",
    "[1, 2]",
    #"[[],{},"",[{"a":[]}]]"#, #"{"a":1,"a":2}"#, #"{"":0}"#, "\t\r\n 1 \t\r\n", #"" {}[]:, ""#,
  ]

  static let invalidValues = [
    "", "nul", "nulll", "True", "tru", "true1", "falsey", "NaN", "Infinity", "-Infinity", "+1", "01", "-01", "-", "1.",
    ".5", "1e", "1e+", "1.e5", "0x10", "1_000", "1a", "1-", "--1", "1 2", "'a'", "a", #""a"#, #""a"b"#, #""a""b""#,
    #"1"a""#,
    #"true"a""#, #""\x""#, #""\u12""#, #""\u12G4""#, #""\u""#, #""\ud800""#, #""\udc00""#, #""\ud800\u0041""#,
    #""\ud800\ud800""#, #""\ud800x""#, #""\ude00\ud83d""#, "\"\u{1f}\"", "\"\n\"", "\"\0\"", "[", "]", "[1", "[1,]",
    "[,1]", "[1 1]", "[1;2]", "{", "{]", "[}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{,}"#, #"{a:1}"#, #"{1:1}"#,
    #"{"a" 1}"#, #"{"a"::1}"#, #"{"a":1 "b":2}"#, #"{"a":1:2}"#, #"["a":1]"#, "1,", "1}", #"\"a\""#, #""a"\"#, "1\\",
    "/* */1", "1//", "\u{0c}1", "\u{a0}1", "\0", "1\0", "\u{feff}1", "\u{1a}", #"{"a"\u003a1}"#,
  ]

  @Test(arguments: [[], [("x", Projection.Kind.text), ("x", .exact), ("x.a", .text)]])
  func onlyTheGrammarPasses(columns: [(String, Projection.Kind)]) {
    for value in Self.validValues {
      #expect(decodeOne(event(#""x":\#(value)"#), columns).rejection == nil, "\(value)")
      #expect(decodeOne(event(#""x":[\#(value)],"y":{"z":\#(value)}"#), columns).rejection == nil, "\(value)")
    }
    for value in Self.invalidValues {
      #expect(decodeOne(event(#""x":\#(value)"#), columns).rejection == .invalidJSON, "\(value)")
      #expect(decodeOne(event(#""y":[{"z":\#(value)}]"#), columns).rejection == .invalidJSON, "\(value)")
    }
  }

  @Test func documentsThatAreNoEvent() {
    let table: [(String, Rejection)] = [
      ("", .invalidJSON), ("  ", .invalidJSON), ("\n", .invalidJSON), ("\0", .invalidJSON), ("{", .invalidJSON),
      ("}", .invalidJSON), ("\"", .invalidJSON), ("\\", .invalidJSON), ("{}}", .invalidJSON), ("{}{}", .invalidJSON),
      ("{} x", .invalidJSON), ("[1", .invalidJSON), ("{} []", .invalidJSON), ("1 1", .invalidJSON),
      ("[]", .notAnObject), ("1", .notAnObject), (" \"a\" ", .notAnObject), ("null", .notAnObject),
      ("true", .notAnObject), ("[{}]", .notAnObject), ("-0.5e1", .notAnObject), ("\u{feff}{}", .invalidJSON),
      ("{}", .missingEventID), (" {\n} ", .missingEventID),
    ]
    for (document, rejection) in table { #expect(decodeOne(document).rejection == rejection, "\(document)") }
  }

  @Test func everyTruncationIsInvalid() {
    let whole = event(#""a":{"b":["\u00e9",1.5e3,true,null]}"#)
    #expect(decodeOne(whole).rejection == nil)
    for length in 0..<whole.utf8.count {
      #expect(decodeOne(String(whole.utf8.prefix(length))!).rejection == .invalidJSON, "\(length)")
    }
  }

  @Test func whitespaceMayStandBetweenAnyTokens() {
    let spaced = event(#""x":{"a":"b c","d":[1,true]}"#)
      .replacingCharacters(of: "{}[]:,", with: { " \t\($0)\r\n" }, outsideOf: "2026-03-01T09:00:00Z")
    let row = decodeOne(spaced, [("x.a", .text)])
    #expect(row.rejection == nil)
    #expect(row.values == ["b c"])
    #expect(row.user == "u1")
  }

  @Test func brokenUTF8IsNamedSo() {
    let batch = EventBatch(projection: Projection())
    let broken: [[UInt8]] = [
      [0xff], [0xc0, 0xaf], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80],
      [0xf8, 0x88, 0x80, 0x80, 0x80],
    ]
    for bytes in broken {
      let inString = Array(event(#""x":""#).utf8.dropLast()) + bytes + Array("\"}".utf8)
      let outside = Array("{".utf8) + bytes + Array("}".utf8)
      let unclosed = Array("{\"".utf8) + bytes
      #expect(
        batch.rows([inString, outside, unclosed, bytes]).map(\.rejection) == Array(repeating: .invalidUTF8, count: 4))
    }
  }

  @Test func depthCountsContainersWithTheDocument() {
    func nested(_ levels: Int, close: Bool = true) -> String {
      event("\"x\":" + String(repeating: "[", count: levels) + (close ? String(repeating: "]", count: levels) : ""))
    }
    #expect(decodeOne(nested(63)).rejection == nil)
    #expect(decodeOne(nested(64)).rejection == .tooDeep)
    #expect(decodeOne(nested(30_000)).rejection == .tooDeep)
    #expect(decodeOne(nested(64, close: false)).rejection == .invalidJSON)
    let objects = String(repeating: #"{"a":"#, count: 64) + "1" + String(repeating: "}", count: 64)
    #expect(decodeOne(event("\"x\":" + objects + ",\"event_id\":1")).rejection == .tooDeep)
    #expect(decodeOne(String(repeating: "[", count: 65_536)).rejection == .invalidJSON)
    // What comes after the deep place is read as before.
    let row = decodeOne(
      event(#""g":{"d":"# + String(repeating: "[", count: 61) + String(repeating: "]", count: 61) + #","c":"DE"}"#),
      [("g.c", .text)])
    #expect(row.values == ["DE"])
  }

  @Test func sizeIsJudgedFirst() {
    let padding = String(repeating: " ", count: 65_536 - event().utf8.count)
    #expect(decodeOne(event() + padding).rejection == nil)
    #expect(decodeOne(event() + padding + " ").rejection == .tooLarge)
    let batch = EventBatch(projection: Projection())
    let bytes = Array(event().utf8)
    batch.decode(bytes, ranges: [ByteRange(offset: 0, length: UInt32(bytes.count), fullLength: 65_537)], count: 1)
    #expect(batch.row(0).rejection == .tooLarge)
  }
}

extension String {
  /// Replaces each of the characters, except inside one exempt text.
  func replacingCharacters(of characters: String, with change: (Character) -> String, outsideOf exempt: String)
    -> String
  {
    let marked = split(separator: exempt, omittingEmptySubsequences: false)
    return marked.map { part in part.map { characters.contains($0) ? change($0) : String($0) }.joined() }
      .joined(separator: exempt)
  }
}
