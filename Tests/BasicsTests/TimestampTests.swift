import Basics
import Testing

/// Goal: every date has one number and one text. Method: known instants, then a round trip over 3,000 years.
@Suite struct TimestampTests {
  @Test func knownInstants() {
    #expect(Timestamp("1970-01-01T00:00:00Z")?.milliseconds == 0)
    #expect(Timestamp("2024-02-29T23:59:59.999999999Z")?.milliseconds == 1_709_251_199_999)
    #expect(Timestamp("2026-03-01T05:45:00+05:45")?.milliseconds == Timestamp("2026-03-01T00:00:00Z")?.milliseconds)
    #expect(Timestamp("2026-03-01")?.description == "2026-03-01T00:00:00Z")
    #expect(Timestamp(milliseconds: -1).description == "1969-12-31T23:59:59.999Z")
  }

  @Test func impossibleDatesAreRefused() {
    for text in [
      "2026-02-31T00:00:00Z", "2025-02-29", "2026-13-01", "2026-01-01T24:00:00Z", "2026-01-01T00:00Z", "x", "",
    ] {
      #expect(Timestamp(text) == nil, "\(text)")
    }
  }

  @Test func textAndNumberRoundTrip() {
    for day in stride(from: Int64(-719_000), to: 400_000, by: 37) {
      let time = Timestamp(milliseconds: day * Timestamp.day + 12_345_678)
      #expect(Timestamp(time.description) == time)
    }
  }
}
