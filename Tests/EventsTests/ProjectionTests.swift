import Basics
import Events
import Testing

/// Goal: a column holds the value JSON gives to its path, the last of repeated names winning. Method: tables of events
/// and what their columns must be.
@Suite struct ProjectionTests {
  private func values(_ more: String, _ columns: [(String, Projection.Kind)]) -> [String?] {
    let row = decodeOne(event(more), columns)
    #expect(row.rejection == nil, "\(more)")
    return row.values
  }

  @Test func pathsOfAnyDepth() {
    let columns: [(String, Projection.Kind)] = [
      ("geo.country", .text), ("properties.cart.total", .scaled(2)), ("properties.cart.total", .text),
      ("event_type", .text),
      ("user_id", .text), ("session_id", .text), ("timestamp", .text), ("a.b.c.d.e", .text), ("a.b", .text),
      ("free", .text),
    ]
    #expect(
      values(
        #""free":true,"a":{"b":{"c":{"d":{"e":"deep"}}}},"properties":{"cart":{"total":1.5e1},"x":"y"},"geo":{"country":"NO"},"session_id":"s""#,
        columns) == ["NO", "1500", "1.5e1", "view", "u1", "s", "2026-03-01T09:00:00Z", "deep", nil, "true"])
    // A name counts only at its own place.
    #expect(
      values(
        #""country":"A","x":{"geo":{"country":"B"}},"geo":{"x":{"country":"C"}},"a":[{"b":"D"}],"properties":{"cart":7}"#,
        columns)
        == [nil, nil, nil, "view", "u1", nil, "2026-03-01T09:00:00Z", nil, nil, nil])
  }

  @Test func theLastOfRepeatedNamesWins() {
    let columns: [(String, Projection.Kind)] = [("a", .text), ("a.b", .text), ("a.c.d", .exact)]
    let table: [(String, [String?])] = [
      (#""a":"1","a":"2""#, ["2", nil, nil]), (#""a":"1","a":null"#, [nil, nil, nil]),
      (#""a":{"b":"1","b":"2"}"#, [nil, "2", nil]), (#""a":{"b":"1"},"a":{}"#, [nil, nil, nil]),
      (#""a":{"b":"1","c":{"d":1}},"a":{"b":"2"}"#, [nil, "2", nil]), (#""a":{"b":"1"},"a":"x""#, ["x", nil, nil]),
      (#""a":"x","a":{"c":{"d":3}}"#, [nil, nil, "6000000000000000000"]),
      (#""a":{"c":{"d":3},"c":{}}"#, [nil, nil, nil]),
      (#""a":{"c":{"d":3},"c":[{"d":4}]}"#, [nil, nil, nil]),
      (#""\u0061":{"\u0062":"1"},"a":{"b":"\u0032"}"#, [nil, "2", nil]),
    ]
    for (more, expected) in table { #expect(values(more, columns) == expected, "\(more)") }
  }

  @Test func escapesAreRemovedFromNamesAndTexts() {
    let table: [(String, String)] = [
      (#"a\"b\\c\/d"#, "a\"b\\c/d"), (#"\b\f\n\r\t"#, "\u{8}\u{c}\n\r\t"), (#"\u0000x"#, "\0x"),
      (#"\u00e9\u00E9é"#, "ééé"),
      (#"\u20AC"#, "€"), (#"\ud83d\ude00!"#, "😀!"), (#"\uD800\uDC00\uDBFF\uDFFF"#, "\u{10000}\u{10ffff}"),
      (#"\\u0041"#, #"\u0041"#), (#"\\\u0041\\"#, #"\A\"#), ("plain", "plain"), ("   ", "   "),
      (#"{\"}:,["#, "{\"}:,["),
    ]
    for (text, expected) in table {
      #expect(values("\"n\":\"\(text)\"", [("n", .text)]) == [expected], "\(text)")
      let name = decodeOne(event("\"x\":{\"\(text)\":\"v\"}"), [])
      #expect(name.rejection == nil)
      var projection = Projection()
      _ = projection.add(Projection.Column(path: ["x", expected], kind: .text))
      let batch = EventBatch(projection: projection)
      #expect(batch.rows([Array(event("\"x\":{\"\(text)\":\"v\"}").utf8)])[0].values == ["v"], "\(text)")
    }
  }

  @Test func namesOfEveryLengthAreToldApart() {
    // Names that share beginnings and endings, around the 8 and 16 bytes a comparison takes at once; and the second of
    // two, whose first bytes differ by as much as their lengths.
    var names = [""]
    for length in 1...40 {
      let name = String(repeating: "n", count: length)
      names.append(name)
      for place in [0, length / 2, length - 1] {
        for letter in "mox" {
          var bytes = Array(name.utf8)
          bytes[place] = letter.asciiValue!
          names.append(String(decoding: bytes, as: UTF8.self))
        }
      }
    }
    var unique = Set<String>()
    names = names.filter { unique.insert($0).inserted }
    let members = names.indices.map { "\"\(names[$0])\":\($0)" }.joined(separator: ",")
    let record = Array(event("\"o\":{\(members)}").utf8)
    for (start, step) in [(0, 1), (0, 2), (1, 2)] {
      let asked = Array(stride(from: start, to: names.count, by: step))
      var projection = Projection()
      for index in asked { _ = projection.add(.init(path: ["o", names[index]], kind: .text)) }
      #expect(EventBatch(projection: projection).rows([record])[0].values == asked.map { String($0) })
    }
  }

  @Test func unusableTextsAreCounted() {
    let batch = EventBatch(projection: projection([("geo.country", .text), ("geo", .text)]))
    let rows = batch.rows(
      [
        #""geo":{"country":[]}"#, #""geo":{"country":{}}"#, #""geo":{"country":null}"#, #""geo":{"country":""}"#,
        #""geo":null"#, #""geo":{"country":-0}"#,
      ]
      .map { Array(event($0).utf8) })
    #expect(rows.map { $0.values[0] } == [nil, nil, nil, nil, nil, "-0"])
    #expect(batch.unusable(0) == 2)
    #expect(batch.unusable(1) == 5)
  }

  @Test func textsStayWhereTheyAreDuringADecode() {
    let batch = EventBatch(projection: projection([("t", .text), ("u", .text)]))
    for round in 0..<3 {
      let records = (0..<400).map { index in
        Array(
          event("\"t\":\"\\u0041\(index)-\(round)\(String(repeating: "x\\n", count: 2_000))\",\"u\":\"\\t\(index)\"")
            .utf8)
      }
      let rows = batch.rows(records)
      for index in rows.indices {
        #expect(rows[index].values[0] == "A\(index)-\(round)" + String(repeating: "x\n", count: 2_000))
        #expect(rows[index].values[1] == "\t\(index)")
      }
    }
    let longest = "\\n" + String(repeating: "y", count: 65_000)
    #expect(batch.rows([Array(event("\"t\":\"\(longest)\"").utf8)])[0].values[0]?.utf8.count == 65_001)
  }
}
