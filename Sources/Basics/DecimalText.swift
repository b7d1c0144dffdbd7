/// Whole numbers of units of 10^-scale as decimal text, and exact division.
public enum DecimalText {
  /// `12345` at scale 2 is `123.45`; at scale 0 a plain integer.
  public static func format(_ units: Int128, scale: Int) -> String {
    guard scale > 0 else { return String(units) }
    var digits = String(units.magnitude)
    if digits.count <= scale { digits = String(repeating: "0", count: scale + 1 - digits.count) + digits }
    let point = digits.index(digits.endIndex, offsetBy: -scale)
    return (units < 0 ? "-" : "") + digits[..<point] + "." + digits[point...]
  }

  /// numerator / denominator in units of 10^-scale, rounded half to even. The denominator is positive.
  public static func divide(_ numerator: Int128, by denominator: Int128, scale: Int) -> Int128 {
    precondition(denominator > 0, "division by \(denominator)")
    // Whole part first: the numerator of a long sum times 10^scale could be beyond 128 bits.
    var power: Int128 = 1
    for _ in 0..<scale { power *= 10 }
    let magnitude = numerator.magnitude
    let (whole, rest) = magnitude.quotientAndRemainder(dividingBy: UInt128(denominator))
    let (fraction, left) = (rest * UInt128(power)).quotientAndRemainder(dividingBy: UInt128(denominator))
    var units = whole * UInt128(power) + fraction
    let twice = left * 2
    if twice > UInt128(denominator) || (twice == UInt128(denominator) && units & 1 == 1) { units += 1 }
    return numerator < 0 ? -Int128(units) : Int128(units)
  }
}
