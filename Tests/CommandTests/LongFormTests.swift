import Testing

/// Goal: the scripts that run for hours are still right when somebody runs them. What they find is tested elsewhere, too, but what
/// they compare changes with the program. Method: each for a few kills.
@Suite(.serialized) struct LongFormTests {
  private let scratch = Scratch()

  @Test(arguments: [
    ("soak", ["--rounds", "1", "--events", "4000", "--kills", "2", "--seeds", "0"], "1 rounds and 0 seeds passed"),
    ("soak-generations", ["--kills", "1", "--events", "5000"], "kills passed"),
    ("soak-collector", ["--kills", "1", "--rate", "1000"], "each counted once"),
  ]) func stillPasses(_ name: String, _ arguments: [String], _ words: String) async throws {
    let ended = try await Script.run(name, arguments + ["--seed", "1"], scratch)
    #expect(ended.code == 0, "\(ended.output.suffix(2_000))\(ended.errors.suffix(2_000))")
    #expect(ended.output.contains(words), "\(ended.output.suffix(2_000))")
  }
}
