import Testing

/// Goal: whatever is sent to a server, each answer is one that was promised. Method: the short forms of `scripts/fuzz-collector`,
/// which sends what no good client would, and of `scripts/check-openapi`, where schemathesis makes requests of our own document.
@Suite(.serialized) struct ProtocolTests {
  private let scratch = Scratch()

  @Test func mutatedRequestsGetARightStatus() async throws {
    let fuzzed = try await Script.run("fuzz-collector", ["--mutations", "2500", "--seed", "1"], scratch)
    #expect(fuzzed.code == 0, "\(fuzzed.errors.suffix(3_000))")
  }

  @Test func answersAreThoseOfTheDocument() async throws {
    let checked = try await Script.run("check-openapi", ["--examples", "5"], scratch)
    guard checked.code != 69 else {
      print("skipped: schemathesis cannot be had from PyPI here: \(checked.errors.suffix(500))")
      return
    }
    #expect(checked.code == 0, "\(checked.output.suffix(4_000))\(checked.errors.suffix(1_000))")
  }
}
