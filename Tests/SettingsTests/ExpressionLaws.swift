import Basics
import Dataflow
import Seeded
import Testing

/// Goal: printed conditions and measures mean what they did, since digests and frozen files are made of them. Method:
/// random ones from a seed, printed and parsed again.
@Suite struct ExpressionLaws {
  @Test(arguments: 1...200 as ClosedRange<UInt64>)
  func printedPredicateParsesToItself(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    for _ in 0..<20 {
      let predicate = random.predicate(depth: 5)
      let text = predicate.description
      #expect(try Predicate.parse(text) == predicate, "seed \(seed): \(text)")
      #expect(try Predicate.parse(text).description == text, "seed \(seed)")
    }
  }

  @Test(arguments: 1...200 as ClosedRange<UInt64>)
  func printedMeasureParsesToItself(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    for _ in 0..<20 {
      let measure = random.measure()
      let text = measure.description
      #expect(try Measure.parse(name: measure.name, text) == measure, "seed \(seed): \(text)")
    }
  }

  @Test func precedenceIsNotThenAndThenOr() throws {
    #expect(
      try Predicate.parse("a = 1 or b = 2 and not c = 3") == Predicate.parse("a = 1 or (b = 2 and (not (c = 3)))"))
    #expect(try Predicate.parse("not a = 1 and b = 2") == Predicate.parse("(not a = 1) and b = 2"))
    #expect(try Predicate.parse("a is null") == Predicate.parse("NOT EXISTS(a)"))
    #expect(try Predicate.parse("a is not null") == .exists(Field("a")))
    #expect(try Predicate.parse("a not in (1)") == .not(.isIn(Field("a"), [.number(2_000_000_000_000_000_000)])))
  }

  @Test func numbersAreTwiceTheirUnitsOfTheEighteenthDigit() throws {
    let cases: [(String, Int128)] = [
      ("0", 0), ("-0", 0), ("1", 2_000_000_000_000_000_000), ("0.000000000000000001", 2),
      ("-0.5", -1_000_000_000_000_000_000),
      ("007.10", 14_200_000_000_000_000_000), ("999999999999999", 1_999_999_999_999_998_000_000_000_000_000_000),
    ]
    for (text, number) in cases {
      #expect(try Predicate.parse("x = \(text)") == .compare(Field("x"), .equal, .number(number)), "\(text)")
    }
    #expect(try Predicate.parse("x = -007.10").description == "x = -7.1")
  }

  @Test func messagesNameTheColumn() {
    #expect(throws: Failure.invalid("column 19: expected a value, found 'b'; text goes in single quotes: 'b'")) {
      try Predicate.parse("é = 1 and geo.x = b")
    }
    #expect(throws: Failure.invalid("column 1: expected a field, found the end")) {
      try Predicate.parse("")
    }
    #expect(throws: Failure.invalid("column 6: expected '(', found 'x'")) { try Measure.parse(name: "n", "sum  x") }
    #expect(throws: Failure.invalid("column 4: unexpected ','")) { try Field.parse("geo,x") }
  }

  @Test func endlessNestingIsRefused() {
    let deep = 5_000
    for text in [
      String(repeating: "(", count: deep), String(repeating: "not ", count: 2_000) + "a = 1",
      Array(repeating: "a = 1", count: 1_000).joined(separator: " and "), String(repeating: "a", count: 100_000),
      "a in (" + Array(repeating: "1", count: 5_000).joined(separator: ",") + ")",
    ] {
      #expect(throws: Failure.self) { try Predicate.parse(text) }
    }
  }

  @Test(arguments: 1...500 as ClosedRange<UInt64>)
  func scrambledTextNeverCrashes(_ seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let alphabet = Array("ab.1-'\"()<>=!,& \n\tand or not in is null exists ü\u{0}$_where sum count".unicodeScalars)
    var text = String.UnicodeScalarView()
    for _ in 0..<random.below(60) { text.append(alphabet[random.below(alphabet.count)]) }
    for attempt in [String(text), "a = 1 and " + String(text), "sum(" + String(text)] {
      _ = try? Predicate.parse(attempt)
      _ = try? Measure.parse(name: "n", attempt)
      _ = try? Field.parse(attempt)
    }
  }
}
