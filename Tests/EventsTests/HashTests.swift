import Basics
import Testing

@testable import Events

/// Goal: the hashes are the published ones, and keys stand for users and events. Method: reference vectors, and pairs
/// that must be equal or differ.
@Suite struct HashTests {
  @Test func murmur2IsKafkas() {
    // Source: org.apache.kafka.common.utils.UtilsTest.testMurmur2.
    let vectors: [(String, Int32)] = [
      ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
      ("a-little-bit-longer-string", -1_486_304_829), ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
      ("abc", 479_470_107),
    ]
    for (text, expected) in vectors {
      let hash = Array(text.utf8).withUnsafeBytes { murmur2($0) }
      #expect(Int32(bitPattern: hash) == expected, "\(text)")
      let row = decodeOne(#"{"event_id":"e","event_type":"t","user_id":"\#(text)","timestamp":0}"#)
      #expect(row.partitionHash == hash & 0x7fff_ffff)
    }
  }

  @Test func sipHashIsThePublishedOne() {
    // Source: vectors_sip128 of the reference implementation: key 00 01 .. 0f, input 00 01 .. of that many bytes.
    let vectors: [(Int, String)] = [
      (0, "a3817f04ba25a8e66df67214c7550293"), (1, "da87c1d86b99af44347659119b22fc45"),
      (2, "8177228da4a45dc7fca38bdef60affe4"), (7, "a1f1ebbed8dbc153c0b84aa61ff08239"),
      (8, "3b62a9ba6258f5610f83e264f31497b4"), (15, "5493e99933b0a8117e08ec0f97cfc3d9"),
      (63, "5150d1772f50834a503e069a973fbd7c"),
    ]
    for (length, expected) in vectors {
      let hash = (0..<UInt8(length)).map { $0 }.withUnsafeBytes {
        sipHash($0, key0: 0x0706_0504_0302_0100, key1: 0x0f0e_0d0c_0b0a_0908)
      }
      let bytes = withUnsafeBytes(of: (hash.high.littleEndian, hash.low.littleEndian)) { Array($0) }
      #expect(bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() == expected, "\(length)")
    }
  }

  @Test func keysStandForUserAndEvent() {
    func row(_ id: String, _ user: String, _ type: String = "t", _ time: Int = 0) -> Row {
      decodeOne(#"{"event_id":"\#(id)","event_type":"\#(type)","user_id":"\#(user)","timestamp":\#(time)}"#)
    }
    #expect(row("e", "u") == row("e", "u"))
    #expect(row("e", "u").userKey == row("f", "u").userKey)
    #expect(row("e", "u").eventKey != row("f", "u").eventKey)
    #expect(row("e", "u").eventKey != row("e", "v").eventKey)
    #expect(row("bc", "a").eventKey != row("c", "ab").eventKey)
    #expect(row("e", "u", "t", 1).eventKey == row("e", "u", "s", 2).eventKey)
    #expect(row("e", "u", "t", 1).check != row("e", "u", "s", 1).check)
    #expect(row("e", "u", "t", 1).check != row("e", "u", "t", 2).check)
    // These go into stored state: they may never change. SipHash under the key "millrace events " of "u" and of
    // the bytes 01 00 00 00 "ue", from `openssl mac`.
    #expect(row("e", "u").userKey == Key128(high: 0x9632f55adf8ec0ba, low: 0x45be824676e6d29a))
    #expect(Array("u".utf8).withUnsafeBytes { userKey($0) } == row("e", "u").userKey)
    #expect(row("e", "u").eventKey == Key128(high: 0x692ff8fae61536f4, low: 0x491837dc9e036ecf))
  }

  @Test func textHashesSpread() {
    let batch = EventBatch(projection: projection([("n", .text)]))
    let rows = batch.rows((0..<50_000).map { Array(event("\"n\":\($0)").utf8) })
    let hashes = Set(rows.map { $0.hashes[0] })
    // 50,000 of 2^32 values should meet about 0.3 times.
    #expect(hashes.count > 49_990)
    for shift in [0, 8, 16, 24] {
      let counts = rows.reduce(into: [Int](repeating: 0, count: 256)) { $0[Int($1.hashes[0] >> shift & 255)] += 1 }
      #expect(counts.min()! > 120 && counts.max()! < 290, "byte at \(shift)")
    }
  }
}
