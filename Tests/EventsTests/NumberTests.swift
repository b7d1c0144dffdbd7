import Basics
import Events
import Seeded
import Testing

/// Goal: decimal text becomes exact integers. Method: a table, then random numbers against long arithmetic on strings of
/// digits, which shares nothing with the decoder.
@Suite struct NumberTests {
  static let kinds: [Projection.Kind] = [.scaled(0), .scaled(2), .scaled(9), .exact]

  /// The number in `kinds`, as text; "?" when unusable.
  private func decoded(_ values: [String]) -> [[String]] {
    let batch = EventBatch(projection: projection(Self.kinds.map { ("properties.n", $0) }))
    let rows = batch.rows(values.map { Array(event(#""properties":{"n":\#($0)}"#).utf8) })
    return rows.map { row in
      #expect(row.rejection == nil)
      return row.values.map { $0 ?? "?" }
    }
  }

  @Test func table() {
    let one = "2000000000000000000"
    let table: [(String, [String])] = [
      ("0", ["0", "0", "0", "0"]), ("-0", ["0", "0", "0", "0"]), ("-0.00e5", ["0", "0", "0", "0"]),
      ("1", ["1", "100", "1000000000", one]), ("-1", ["-1", "-100", "-1000000000", "-" + one]),
      ("0.5", ["1", "50", "500000000", "1000000000000000000"]),
      ("-0.5", ["-1", "-50", "-500000000", "-1000000000000000000"]),
      ("0.49999", ["0", "50", "499990000", "999980000000000000"]),
      ("1.005", ["1", "101", "1005000000", "2010000000000000000"]),
      ("-1.005", ["-1", "-101", "-1005000000", "-2010000000000000000"]),
      ("2.5", ["3", "250", "2500000000", "5000000000000000000"]),
      ("1.5e3", ["1500", "150000", "1500000000000", "3000000000000000000000"]),
      ("12345e-2", ["123", "12345", "123450000000", "246900000000000000000"]),
      ("0.000000001", ["0", "0", "1", "2000000000"]), ("0.0000000005", ["0", "0", "1", "1000000000"]),
      ("0.00000000049", ["0", "0", "0", "980000000"]), ("1e-18", ["0", "0", "0", "2"]),
      ("1e-19", ["0", "0", "0", "1"]),
      ("-1e-19", ["0", "0", "0", "-1"]), ("1e-400", ["0", "0", "0", "1"]), ("-1e-400", ["0", "0", "0", "-1"]),
      ("0e-400", ["0", "0", "0", "0"]), ("0e400", ["0", "0", "0", "0"]),
      ("1e-99999999999999999999", ["0", "0", "0", "1"]),
      ("1.0000000000000000001", ["1", "100", "1000000000", "2000000000000000001"]),
      ("1.0000000000000000000", ["1", "100", "1000000000", one]),
      (
        "999999999999999",
        ["999999999999999", "99999999999999900", "999999999999999000000000", "1999999999999998000000000000000000"]
      ),
      (
        "999999999999999.9999999999",
        ["1000000000000000", "100000000000000000", "1000000000000000000000000", "1999999999999999999999999800000000"]
      ),
      ("1e15", ["?", "?", "?", "?"]), ("-1e15", ["?", "?", "?", "?"]), ("1000000000000000.0", ["?", "?", "?", "?"]),
      ("1e400", ["?", "?", "?", "?"]), ("1e99999999999999999999", ["?", "?", "?", "?"]),
      ("0.1e16", ["?", "?", "?", "?"]),
      (
        "0.1e15",
        ["100000000000000", "10000000000000000", "100000000000000000000000", "200000000000000000000000000000000"]
      ),
      ("0." + String(repeating: "0", count: 999) + "1e1000", ["1", "100", "1000000000", one]),
      ("1" + String(repeating: "0", count: 999) + "E-999", ["1", "100", "1000000000", one]),
    ]
    for (row, expected) in zip(decoded(table.map(\.0)), table) { #expect(row == expected.1, "\(expected.0)") }
  }

  @Test func agreesWithLongArithmetic() {
    var random = SeededRandom(seed: 7)
    func digits(_ count: Int) -> String { String((0..<count).map { _ in "0000123459".randomElement(using: &random)! }) }
    var numbers: [String] = []
    for _ in 0..<20_000 {
      var number = Bool.random(using: &random) ? "-" : ""
      let integer = digits(Int.random(in: 0...20, using: &random)).drop { $0 == "0" }
      number += integer.isEmpty ? "0" : integer
      if Bool.random(using: &random) { number += "." + digits(Int.random(in: 1...30, using: &random)) }
      if Bool.random(using: &random) { number += "e" + ["", "+", "-"].randomElement(using: &random)! + digits(2) }
      numbers.append(number)
    }
    for (row, number) in zip(decoded(numbers), numbers) {
      #expect(row == [rounded(number, 0), rounded(number, 2), rounded(number, 9), exact(number)], "\(number)")
    }
  }

  @Test func onlyNumbersAreUsable() {
    let batch = EventBatch(projection: projection([("n", .scaled(2)), ("n", .exact), ("n", .text)]))
    let values = ["\"1\"", "true", "{}", "[1]", "1e15", "null", "\"\"", "7"]
    let rows = batch.rows(values.map { Array(event("\"n\":\($0)").utf8) } + [Array(event().utf8), Array("{".utf8)])
    #expect(rows.map { $0.values[0] } == [nil, nil, nil, nil, nil, nil, nil, "700", nil, nil])
    #expect(rows.map { $0.values[2] } == ["1", "true", nil, nil, "1e15", nil, nil, "7", nil, nil])
    #expect((0..<3).map { batch.unusable($0) } == [5, 5, 2])
    _ = batch.rows([Array(event("\"n\":1").utf8)])
    #expect((0..<3).map { batch.unusable($0) } == [0, 0, 0])
  }

  /// The digits before and after the decimal point once the exponent is applied, without sign.
  private func parts(_ number: String) -> (negative: Bool, integer: String, fraction: String) {
    let halves = number.split(separator: "e")
    let mantissa = halves[0].drop { $0 == "-" }.split(separator: ".")
    let exponent = halves.count > 1 ? Int(halves[1])! : 0
    let zeros = String(repeating: "0", count: 130)
    let all = zeros + mantissa[0] + (mantissa.count > 1 ? mantissa[1] : "") + zeros
    let point = zeros.count + mantissa[0].count + exponent
    return (number.hasPrefix("-"), String(all.prefix(point)), String(all.dropFirst(point)))
  }

  private func trimmed(_ digits: String, _ negative: Bool) -> String {
    let digits = digits.drop { $0 == "0" }
    return digits.isEmpty ? "0" : (negative ? "-" : "") + digits
  }

  private func isTooLarge(_ integer: String) -> Bool { integer.drop { $0 == "0" }.count > 15 }

  /// One more than a string of digits that begins with 0.
  private func successor(_ digits: String) -> String {
    let nines = digits.reversed().prefix { $0 == "9" }.count
    let head = digits.dropLast(nines)
    return head.dropLast() + String(head.last!.wholeNumberValue! + 1) + String(repeating: "0", count: nines)
  }

  private func rounded(_ number: String, _ scale: Int) -> String {
    let (negative, integer, fraction) = parts(number)
    if isTooLarge(integer) { return "?" }
    let kept = integer + fraction.prefix(scale)
    return trimmed(fraction.dropFirst(scale).first! >= "5" ? successor(kept) : kept, negative)
  }

  private func exact(_ number: String) -> String {
    let (negative, integer, fraction) = parts(number)
    if isTooLarge(integer) { return "?" }
    var doubled = ""
    var carry = 0
    for digit in (integer + fraction.prefix(18)).reversed() {
      let value = digit.wholeNumberValue! * 2 + carry
      doubled = String(value % 10) + doubled
      carry = value / 10
    }
    return trimmed(fraction.dropFirst(18).contains { $0 != "0" } ? successor(doubled) : doubled, negative)
  }
}
