import Settings
import Testing

/// Goal: what people write for lengths, amounts and addresses. Method: tables.
@Suite struct ValueTexts {
  @Test(
    arguments: [
      ("1ms", 1), ("0s", 0), ("15s", 15_000), ("30m", 1_800_000), ("72h", 259_200_000), ("7d", 604_800_000),
      ("2w", 1_209_600_000), ("3y", 94_608_000_000), ("1000y", 31_536_000_000_000),
    ] as [(String, Int64)])
  func duration(_ text: String, _ milliseconds: Int64) { #expect(Durations.parse(text) == milliseconds) }

  @Test(arguments: [
    "", "5", "m", "-1s", "+1s", "1.5h", "1 h", "1H", "1M", "1min", " 1s", "1s ", "forever", "1001y",
    "9223372036854775807d",
    "99999999999999999999ms", "１s",
  ])
  func notADuration(_ text: String) { #expect(Durations.parse(text) == nil) }

  @Test(
    arguments: [
      (1, "1ms"), (1_000, "1s"), (90_000, "90s"), (1_800_000, "30m"), (259_200_000, "3d"), (0, "0ms"),
      (5_400_001, "5400001ms"),
    ] as [(Int64, String)])
  func durationPrints(_ milliseconds: Int64, _ text: String) {
    #expect(Durations.text(milliseconds) == text)
    #expect(Durations.parse(text) == milliseconds)
  }

  @Test(
    arguments: [
      ("64KiB", .bytes(65_536)), ("128MiB", .bytes(134_217_728)), ("2GiB", .bytes(2_147_483_648)),
      ("5KB", .bytes(5_000)),
      ("7MB", .bytes(7_000_000)), ("3GB", .bytes(3_000_000_000)), ("1%", .percent(1)), ("100%", .percent(100)),
    ] as [(String, Size)])
  func size(_ text: String, _ size: Size) {
    #expect(Size(text) == size)
    #expect(size.description == text)
  }

  @Test(arguments: ["", "5", "0%", "101%", "1.5GB", "5 MB", "5mb", "5TB", "%", "-1KB", "9999999999999GiB"])
  func notASize(_ text: String) { #expect(Size(text) == nil) }

  @Test func percentOfAWholeDoesNotOverflow() {
    #expect(Size.percent(25).bytes(of: 1_001) == 250)
    #expect(Size.percent(100).bytes(of: .max) == .max)
  }

  @Test func address() {
    #expect(Address("127.0.0.1:8080") == Address(host: "127.0.0.1", port: 8080))
    #expect(Address("[::1]:0") == Address(host: "::1", port: 0))
    #expect(Address("[::1]:0")?.description == "[::1]:0")
    for text in ["", "8080", ":8080", "::1:8080", "a:65536", "a:", "a b:1", "http://a:1"] {
      #expect(Address(text) == nil, "\(text)")
    }
  }

  @Test func suggestions() {
    #expect(Suggestion.closest(to: "tpoic", among: ["topic", "horizon"]) == "topic")
    #expect(Suggestion.closest(to: "Horizon", among: ["topic", "horizon"]) == "horizon")
    #expect(Suggestion.closest(to: "colour", among: ["topic", "horizon"]) == nil)
    #expect(Suggestion.closest(to: "", among: ["topic"]) == nil)
  }
}
