import Basics

/// A fixed log-scale histogram: every power of two is cut into 64 buckets, so a quantile read from it is within 1/128
/// (0.8 %) of the true value; numbers up to 127 are exact. The one inexact measure, and the same in any order of arrival.
///
/// - Shape: bucket numbers are UInt32: 0 for zero, then positive magnitudes; negative numbers mirrored with the top bit set.
enum Histogram {
  private static let subBits = 6

  static func bucket(_ value: Int128) -> UInt32 {
    let magnitude = value.magnitude
    let bucket = magnitudeBucket(magnitude)
    return value < 0 ? bucket | 0x8000_0000 : bucket
  }

  private static func magnitudeBucket(_ magnitude: UInt128) -> UInt32 {
    if magnitude < 128 { return UInt32(magnitude) }
    let exponent = 127 - magnitude.leadingZeroBitCount
    let sub = UInt32(truncatingIfNeeded: magnitude >> UInt128(exponent - subBits)) & 63
    return UInt32(exponent - subBits) * 64 + 64 + sub
  }

  /// The middle of a bucket, rounded down.
  static func value(_ bucket: UInt32) -> Int128 {
    let plain = bucket & 0x7fff_ffff
    var magnitude: Int128
    if plain < 128 {
      magnitude = Int128(plain)
    } else {
      let shift = Int128(plain / 64 - 1)
      let low = Int128(64 + plain % 64) << shift
      magnitude = low + ((1 << shift) - 1) / 2
    }
    if bucket & 0x8000_0000 != 0 { magnitude = -magnitude }
    return magnitude
  }

  /// The value at rank ceil(q * count), q in millionths; nil without values. Counts that came to nothing are passed over.
  static func quantile(_ counts: [(bucket: UInt32, count: Int64)], millionths: Int) -> Int128? {
    let sorted = counts.filter { $0.count > 0 }.map { (value: value($0.bucket), count: $0.count) }
      .sorted { $0.value < $1.value }
    let total = sorted.reduce(Int128(0)) { $0 + Int128($1.count) }
    guard total > 0 else { return nil }
    let rank = max(1, (total * Int128(millionths) + 999_999) / 1_000_000)
    var seen: Int128 = 0
    for entry in sorted {
      seen += Int128(entry.count)
      if seen >= rank { return entry.value }
    }
    return sorted.last?.value
  }

  /// Bars to be looked at, of numbers that are not negative: a quarter of a power of two each, the first one below 128.
  /// Ascending; the empty ones are left out.
  static func bars(_ counts: [(bucket: UInt32, count: Int64)]) -> [(from: Int64, to: Int64, count: Int64)] {
    var bars: [Int64: (to: Int64, count: Int64)] = [:]
    for (bucket, count) in counts where count > 0 {
      var from: Int64 = 0
      var to: Int64 = 128
      if bucket >= 128 {
        let shift = Int64(bucket / 64 - 1)
        from = Int64(64 + bucket % 64 / 16 * 16) << shift
        to = from + 16 << shift
      }
      bars[from, default: (to, 0)].count += count
    }
    return bars.map { (from: $0.key, to: $0.value.to, count: $0.value.count) }.sorted { $0.from < $1.from }
  }
}
