/// Lengths of time as people write them: an integer and one of `ms s m h d w y`. A year is 365 days.
public enum Durations {
  /// Sums of a few durations must not overflow, and a thousand years is a typing error.
  private static let limit: Int64 = 1_000 * 31_536_000_000

  /// Largest first.
  private static let units: [(name: String, milliseconds: Int64)] = [
    ("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000),
    ("ms", 1),
  ]

  /// Milliseconds; nil when the text is not a duration or is longer than 1000 years.
  public static func parse(_ text: String) -> Int64? {
    let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard let count = Int64(Substring(digits)),
      let unit = units.first(where: { $0.name == text.dropFirst(digits.count) })
    else { return nil }
    let (product, overflow) = count.multipliedReportingOverflow(by: unit.milliseconds)
    return overflow || product > limit ? nil : product
  }

  /// With the largest unit from days down that divides it: `72h` is `3d`.
  public static func text(_ milliseconds: Int64) -> String {
    guard milliseconds != 0, let unit = units.dropFirst(2).first(where: { milliseconds % $0.milliseconds == 0 })
    else { return "\(milliseconds)ms" }
    return "\(milliseconds / unit.milliseconds)\(unit.name)"
  }

  /// At least as long, in whole units of `other` from hours down: good advice is a round number.
  public static func text(_ milliseconds: Int64, roundedUpTo other: Int64) -> String {
    let unit = units.dropFirst(3).first { other % $0.milliseconds == 0 } ?? ("ms", 1)
    return "\((milliseconds + unit.milliseconds - 1) / unit.milliseconds)\(unit.name)"
  }
}
