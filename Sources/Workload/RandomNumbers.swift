/// A stream of 64-bit numbers from one seed.
///
/// - Source: SplitMix64, Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014), and
///   Sebastiano Vigna's public-domain version of it.
struct RandomNumbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  @inline(__always) mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return RandomNumbers.mix(state)
  }

  /// Below `limit`, evenly but for a bias of limit / 2^64.
  @inline(__always) mutating func below(_ limit: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(limit)).high)
  }

  /// True with a probability of `threshold` / 2^32.
  @inline(__always) mutating func happens(_ threshold: UInt64) -> Bool { next() >> 32 < threshold }

  /// One number for one number, and no two the same for two.
  @inline(__always) static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// The threshold of `happens`. Exact: scaling by a power of two does not round.
  static func threshold(_ share: Double) -> UInt64 { UInt64(share * 4_294_967_296) }
}
