import Basics
import Events
import Seeded
import Testing

/// Goal: a record of a shape that came before is read as if none had come. Method: records of few shapes whose names, numbers,
/// literals and texts change, each decoded by a batch that has seen all before and by a new one.
@Suite struct ShapeTests {
  private static let columns: [(String, Projection.Kind)] = [
    ("geo.country", .text), ("properties.amount", .scaled(2)), ("properties.amount", .exact), ("properties.on", .text),
    ("properties", .text), ("properties.a_name_of_more_than_16_bytes", .text), ("device.type", .text),
    ("properties.a_name_of_fewer_than_9999_bytes", .text), ("a", .text), ("user_id", .text), ("geo", .exact),
    ("properties.list", .text), ("properties.list.x", .text), ("z", .scaled(0)),
  ]

  private static let names = [
    "event_id", "event_type", "user_id", "anonymous_id", "timestamp", "geo", "country", "amount", "on", "a", "x", "z",
    "", "a_name_of_more_than_16_bytes", "a_name_of_fewer_than_9999_bytes", "a_name_of_m000_than_16_bytes",
    "a_name_of_more_than_16_bytez", "countrx", "amounts", "event_i", "properties", "device", "type", "list", "é",
  ]
  private static let scalars = [
    "0", "-0", "7", "-12.5", "1e3", "01", "1.", "-", "1x", "1e", "99999999999999999", "true", "false", "null", "trux",
    "nul", "nulll", "fals", "falsy", "\"\"", "\"DE\"", "\"é\"", "\"x y\"", "\"\\u0041\"", "{}", "[]", "[1]",
    "{\"x\":1}",
  ]

  /// A document of one of few shapes.
  private func record(_ random: inout SeededRandom) -> [UInt8] {
    func maybe(_ usual: String, _ others: [String]) -> String {
      Int.random(in: 0..<40, using: &random) == 0 ? others.randomElement(using: &random)! : usual
    }
    let space = Int.random(in: 0..<10, using: &random) == 0 ? " " : ""
    func field(_ name: String, _ value: String) -> String {
      "\"\(maybe(name, Self.names))\"\(space):\(space)\(maybe(value, Self.scalars))\(space)"
    }
    let number = { (random: inout SeededRandom) in "\(Int.random(in: -50...50, using: &random))" }
    var parts = [
      field("event_id", "\"e\(Int.random(in: 0..<1_000, using: &random))\""), field("event_type", "\"view\""),
      field("user_id", "\"u\(Int.random(in: 0..<1_000, using: &random))\""),
      field("timestamp", Bool.random(using: &random) ? "\"2026-03-01T09:00:00Z\"" : "1772355600000"),
    ]
    switch Int.random(in: 0..<4, using: &random) {
    case 0:
      parts.append("\"geo\":{\(field("country", "\"DE\"")),\(field("city", "\"Mill\""))}")
      parts.append("\"properties\":{\(field("on", "true")),\(field("amount", number(&random)))}")
    case 1:
      parts.append(field("page", "{\"url\":\(maybe("1", Self.scalars)),\"x\":[true,\(number(&random)),{\"y\":null}]}"))
      parts.append("\"properties\":{\(field("a_name_of_more_than_16_bytes", "\"long\"")),\(field("list", "[1,2]"))}")
    case 2:
      parts.append(field("geo", "null"))
      parts.append("\"properties\":{\(field("list", "{\(field("x", "\"in\""))}")),\(field("amount", "0.125"))}")
      parts.append(field("z", number(&random)))
    default:
      parts.append(field("a", "\"\(String(repeating: "t", count: Int.random(in: 0..<90, using: &random)))\""))
    }
    return Array("{\(parts.joined(separator: ","))}".utf8)
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func whatCameBeforeDoesNotMatter(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let experienced = EventBatch(projection: projection(Self.columns))
    var verdicts: [UInt8: Int] = [:]
    for round in 0..<30 {
      let records = (0..<100).map { _ in record(&random) }
      for (index, row) in experienced.rows(records).enumerated() {
        verdicts[experienced.status[index], default: 0] += 1
        let new = EventBatch(projection: projection(Self.columns)).rows([records[index]])[0]
        if row != new {
          Issue.record("seed \(seed), round \(round): \(String(decoding: records[index], as: UTF8.self))")
        }
      }
    }
    // Usable ones are what is learnt from.
    #expect(
      verdicts[0, default: 0] > 1_500 && verdicts[3, default: 0] > 50 && verdicts[6, default: 0] > 10, "\(verdicts)")
  }

  @Test func aNameThatComesTwiceIsNoShape() {
    let batch = EventBatch(projection: projection([("properties.list.x", .text), ("properties.list", .exact)]))
    let twice = Array(event(#""properties":{"list":{"x":"in"},"list":1}"#).utf8)
    let outside = Array(event(#""geo":{},"geo":{}"#).utf8)
    for row in batch.rows(Array(repeating: twice, count: 5)) { #expect(row.values == [nil, "2000000000000000000"]) }
    for row in batch.rows(Array(repeating: outside, count: 5)) { #expect(row.rejection == .repeatedField) }
  }

  /// More shapes than are kept, each often enough to be learnt.
  @Test func moreShapesThanAreKept() {
    let batch = EventBatch(projection: projection([("x0", .text), ("x1.y", .exact), ("x399", .text)]))
    for _ in 0..<3 {
      for length in 0..<400 {
        let fields = (0..<length).map { $0 % 3 == 1 ? "\"x\($0)\":{\"y\":\($0)}" : "\"x\($0)\":\"\($0)\"" }
        let rows = batch.rows(Array(repeating: Array(event(fields.joined(separator: ",")).utf8), count: 3))
        let expected: [String?] = [
          length > 0 ? "0" : nil, length > 1 ? "2000000000000000000" : nil, length > 399 ? "399" : nil,
        ]
        #expect(rows.allSatisfy { $0.rejection == nil && $0.values == expected }, "\(length)")
      }
    }
  }
}
