import Basics
import Events
import Seeded
import Testing

/// Goal: a row is a function of its record's bytes: not of its neighbours, nor of what the batch decoded before, and no
/// bytes whatever end the process. Method: 200,000 seeded mutations of documents, each decoded between others by a batch
/// that lives on, and alone, against a batch with another projection.
@Suite struct FunctionOfBytesTests {
  static let documents = [
    event(
      #""geo":{"country":"DE"},"properties":{"cart":{"total":12.5e1,"x":[1,2,{"a":null}]},"amount":-0.5},"z":[[],{},"\u00e9\ud83d\ude00\n"]"#
    ),
    #"{"event_id":"\u0061\"b","event_type":"p\\w","anonymous_id":"an\/on","user_id":null,"timestamp":1700000000000.75,"device":{"type":"x","t\u0079pe":"y"}}"#,
    #" { "event_id" : "q" , "event_type" : "é" , "a" : [ true , false , null , 1e400 ] , "user_id" : "u" , "timestamp" : 0 } "#,
    "[1,\"a\",{\"b\":2}]", "", " ", "{}", #"{"a":"b\\"}"#,
    "{\"a\":" + String(repeating: "[", count: 70) + String(repeating: "]", count: 70) + "}",
  ].map { Array($0.utf8) }

  static let tokens = [
    "\"", "\\", "{", "}", "[", "]", ",", ":", "\\u", "\\ud800", "\\udc00", "null", "true", "1e", "-", "0", ".", " ",
    "\n",
    "\"event_id\":", "\"geo\":{", "\0", "\u{1f}", "\u{c}", "\u{1a}", "1e999999999999", "é", "\\\"", "\\\\",
  ].map { Array($0.utf8) }

  private func mutated(_ random: inout SeededRandom) -> [UInt8] {
    var bytes = Self.documents.randomElement(using: &random)!
    for _ in 0..<Int.random(in: 0...3, using: &random) {
      let place = Int.random(in: 0...bytes.count, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bytes.insert(contentsOf: Self.tokens.randomElement(using: &random)!, at: place)
      case 1: bytes.removeSubrange(place...)
      case 2: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...4, using: &random)))
      case 3: bytes.insert(contentsOf: Self.documents.randomElement(using: &random)!.suffix(place), at: place)
      case 4: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 20)], at: place)
      default: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random) }
      }
    }
    return bytes
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func neighboursDoNotMatter(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let columns: [(String, Projection.Kind)] = [
      ("geo.country", .text), ("properties.cart.total", .scaled(2)), ("properties.amount", .exact),
      ("device.type", .text), ("a", .text),
    ]
    let together = EventBatch(projection: projection(columns))
    let alone = EventBatch(projection: projection(columns))
    let plain = EventBatch(projection: Projection())
    var verdicts = Set<UInt8>()
    for round in 0..<500 {
      let records = (0..<100).map { _ in mutated(&random) }
      let rows = together.rows(records)
      let unprojected = plain.rows(records)
      for index in rows.indices {
        verdicts.insert(together.status[index])
        var single = alone.rows([records[index]])[0]
        let same = rows[index] == single
        (single.values, single.hashes) = ([], [])
        if !same || unprojected[index] != single {
          Issue.record("seed \(seed), round \(round): \(String(decoding: records[index], as: UTF8.self))")
        }
      }
    }
    #expect(verdicts.isSuperset(of: [0, 2, 3, 4, 5, 6, 7, 13]))
  }

  @Test func aBatchGrowsAndShrinks() {
    let batch = EventBatch(projection: projection([("n", .scaled(0)), ("n", .text)]))
    for count in [0, 1, 1_000, 3, 0, 5_000, 5_000] {
      let rows = batch.rows((0..<count).map { Array(event("\"n\":\($0)").utf8) })
      #expect(batch.count == count)
      #expect(rows.map { $0.values } == (0..<count).map { [String($0), String($0)] })
    }
    batch.status[17] = Rejection.future.rawValue
    #expect(batch.row(17).rejection == .future)
  }
}
