import Basics
import Events
import Seeded
import Testing

/// Goal: every time a client may send becomes the right millisecond. Method: tables, and `Timestamp`, which reads the
/// same texts with other code, over random dates.
@Suite struct EventTimeTests {
  private func time(_ value: String) -> Int64? {
    let row = decodeOne(#"{"event_id":"e","event_type":"t","user_id":"u","timestamp":\#(value)}"#)
    if row.rejection == .invalidTimestamp { return nil }
    #expect(row.rejection == nil, "\(value)")
    return row.time
  }

  @Test func texts() {
    let table: [(String, Int64?)] = [
      ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00z", 0), ("1970-01-01 00:00:00.0+00:00", 0),
      ("1969-12-31T23:59:59.999Z", -1), ("1969-12-31T23:59:59.9999Z", -1), ("1969-12-31T23:59:59.9981Z", -2),
      ("1970-01-01T01:00:00+01:00", 0), ("1969-12-31T18:30:00-05:30", 0), ("1970-01-01T00:00:00.123456789Z", 123),
      ("1970-01-01T00:00:00.1Z", 100), ("1970-01-01T00:00:00.12Z", 120), ("1970-01-01T00:00:00-00:00", 0),
      ("2024-02-29T00:00:00Z", 1_709_164_800_000), ("2000-02-29T00:00:00Z", 951_782_400_000),
      ("0001-01-01T00:00:00Z", -62_135_596_800_000), ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999),
      ("0001-01-01T00:00:00+00:01", nil), ("9999-12-31T23:59:59-00:01", nil), ("0000-12-31T23:59:59Z", nil),
      ("2023-02-29T00:00:00Z", nil), ("1900-02-29T00:00:00Z", nil), ("2026-02-31T00:00:00Z", nil),
      ("2026-04-31T00:00:00Z", nil), ("2026-00-10T00:00:00Z", nil), ("2026-13-10T00:00:00Z", nil),
      ("2026-01-00T00:00:00Z", nil), ("2026-01-32T00:00:00Z", nil), ("2026-01-01T24:00:00Z", nil),
      ("2026-01-01T00:60:00Z", nil), ("2016-12-31T23:59:60Z", nil), ("2026-01-01T00:00:00", nil),
      ("2026-01-01T00:00:00+1:00", nil), ("2026-01-01T00:00:00+24:00", nil), ("2026-01-01T00:00:00+00:60", nil),
      ("2026-01-01T00:00:00+0000", nil), ("2026-01-01T00:00:00.Z", nil), ("2026-01-01T00:00:00.1234567890Z", nil),
      ("2026-01-01T00:00:00ZZ", nil), ("2026-01-01T00:00:00 Z", nil), ("2026-01-01", nil),
      ("2026-01-01_00:00:00Z", nil),
      ("26-01-01T00:00:00Z", nil), ("2026-1-01T00:00:00Z", nil), ("+2026-01-01T00:00:00Z", nil), ("1700000000000", nil),
      ("2026-01-01T00:00:00,5Z", nil), (" 2026-01-01T00:00:00Z", nil), ("x", nil), ("２０２６-01-01T00:00:00Z", nil),
    ]
    for (text, expected) in table { #expect(time("\"\(text)\"") == expected, "\(text)") }
    #expect(time(#""2026-03-01\u005400:00:00\u005a""#) == Timestamp("2026-03-01")!.milliseconds)
  }

  /// The date that was read last is known, and only that.
  @Test func datesBeforeDoNotMatter() {
    var random = SeededRandom(seed: 12)
    let dates = [
      "2026-03-01", "2026-03-02", "2026-03-31", "2026-02-30", "2024-02-29", "2023-02-29", "2026-13-01", "1970-01-01",
      "0026-03-01", "2026-03-0x", "2126-03-01", "26-03-01", String(repeating: #"\u0000"#, count: 10), "\u{7f}026-03-01",
    ]
    let batch = EventBatch(projection: Projection())
    for _ in 0..<200 {
      let records = (0..<Int.random(in: 1...20, using: &random)).map { _ in
        let time = "\(dates.randomElement(using: &random)!)T0\(Int.random(in: 0...9, using: &random)):00:00Z"
        return #"{"event_id":"e","event_type":"t","user_id":"u","timestamp":"\#(time)"}"#
      }
      let rows = batch.rows(records.map { Array($0.utf8) })
      for (row, record) in zip(rows, records) { #expect(row == decodeOne(record), "\(record)") }
    }
    #expect(time("\"\(dates[12])T00:00:00Z\"") == nil)
  }

  @Test func numbers() {
    let table: [(String, Int64?)] = [
      ("0", 0), ("-0", 0), ("-0.0e9", 0), ("1700000000000", 1_700_000_000_000),
      ("1700000000000.999", 1_700_000_000_000),
      ("1.7e12", 1_700_000_000_000), ("17000000000001e-1", 1_700_000_000_000), ("-1", -1), ("-0.5", -1), ("-1.000", -1),
      ("-1.001", -2), ("1e-400", 0), ("-1e-400", -1), ("0.999", 0), ("253402300799999", 253_402_300_799_999),
      ("253402300799999.9", 253_402_300_799_999), ("253402300800000", nil), ("-62135596800000", -62_135_596_800_000),
      ("-62135596800000.1", nil), ("-62135596800001", nil), ("1e400", nil), ("-1e400", nil), ("1e15", nil),
      ("99999999999999999999999999999999999999999999999999", nil), ("0e999999999999999999999", 0),
    ]
    for (number, expected) in table { #expect(time(number) == expected, "\(number)") }
  }

  @Test func agreesWithTimestamp() {
    var random = SeededRandom(seed: 4711)
    for _ in 0..<3_000 {
      func digits(_ bound: Int, _ width: Int) -> String {
        let text = String(Int.random(in: 0...bound, using: &random))
        return String(repeating: "0", count: max(0, width - text.count)) + text
      }
      var text =
        "\(digits(9_999, 4))-\(digits(13, 2))-\(digits(32, 2))T\(digits(24, 2)):\(digits(60, 2)):\(digits(60, 2))"
      if Bool.random(using: &random) { text += "." + digits(999_999, Int.random(in: 1...9, using: &random)) }
      text += Bool.random(using: &random) ? "Z" : "+\(digits(24, 2)):\(digits(60, 2))"
      let expected = Timestamp(text)?.milliseconds
      #expect(time("\"\(text)\"") == expected.flatMap { $0 >= -62_135_596_800_000 ? $0 : nil }, "\(text)")
    }
  }
}
