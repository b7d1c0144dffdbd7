/// An exact decimal: 0.d1d2d3... * 10^point, d1 not 0, the last digit not 0. Zero has no digits.
struct SlowDecimal: Equatable, Comparable {
  var isNegative: Bool
  var digits: [Int]
  var point: Int

  /// `token` is a JSON number.
  init(_ token: String) {
    var mantissa = Substring(token)
    var exponent = 0
    if let e = token.firstIndex(where: { $0 == "e" || $0 == "E" }) {
      mantissa = token[..<e]
      var text = token[token.index(after: e)...]
      if text.first == "+" { text = text.dropFirst() }
      // Beyond any number of digits a record could bring along to make up for it.
      let limit = 1_000_000_000
      exponent = Int(text).map { min(max($0, -limit), limit) } ?? (text.first == "-" ? -limit : limit)
    }
    isNegative = mantissa.first == "-"
    if isNegative { mantissa = mantissa.dropFirst() }
    let parts = mantissa.split(separator: ".", omittingEmptySubsequences: false)
    digits = mantissa.compactMap(\.wholeNumberValue)
    point = parts[0].count + exponent
    normalize()
  }

  /// units * 10^-scale.
  init(units: Int128, scale: Int) {
    isNegative = units < 0
    digits = String(units.magnitude).compactMap(\.wholeNumberValue)
    point = digits.count - scale
    normalize()
  }

  private mutating func normalize() {
    while digits.first == 0 {
      digits.removeFirst()
      point -= 1
    }
    while digits.last == 0 { digits.removeLast() }
    if digits.isEmpty { (isNegative, point) = (false, 0) }
  }

  static func < (a: SlowDecimal, b: SlowDecimal) -> Bool {
    if a.sign != b.sign { return a.sign < b.sign }
    return a.isNegative ? b.isSmallerInSize(than: a) : a.isSmallerInSize(than: b)
  }

  private var sign: Int { digits.isEmpty ? 0 : isNegative ? -1 : 1 }

  private func isSmallerInSize(than other: SlowDecimal) -> Bool {
    point != other.point ? point < other.point : digits.lexicographicallyPrecedes(other.digits)
  }

  /// |x| >= 10^15 cannot be used.
  var isUsable: Bool { digits.isEmpty || point <= 15 }

  /// In units of 10^-scale, half away from zero.
  func rounded(scale: Int) -> Int128 {
    let (whole, next, _) = cut(scale)
    let size = next >= 5 ? whole + 1 : whole
    return isNegative ? -size : size
  }

  var floored: Int128 {
    let (whole, _, isExact) = cut(0)
    return isNegative ? (isExact ? -whole : -whole - 1) : whole
  }

  /// |x| * 10^scale without its fraction, the fraction's first digit, and whether there is no fraction.
  private func cut(_ scale: Int) -> (whole: Int128, next: Int, isExact: Bool) {
    let take = point + scale
    if digits.isEmpty { return (0, 0, true) }
    if take < 0 { return (0, 0, false) }
    var whole: Int128 = 0
    for index in 0..<take { whole = whole * 10 + Int128(index < digits.count ? digits[index] : 0) }
    return (whole, take < digits.count ? digits[take] : 0, take >= digits.count)
  }
}
