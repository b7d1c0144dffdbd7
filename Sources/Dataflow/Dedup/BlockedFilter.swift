import Basics

/// A Bloom filter that touches one 64-byte line per key: about 10 bits and 6 probes a key, some 1.5 % false positives.
/// Source: Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters" (2007).
final class BlockedFilter {
  private let words: UnsafeMutablePointer<UInt64>
  private let lines: UInt64
  let byteCount: Int

  init(keys: Int) {
    lines = UInt64(max(1, (keys * 10 + 511) / 512))
    byteCount = Int(lines) * 64
    words = Memory.allocate(Int(lines) * 8, zeroed: true)
  }

  deinit { Memory.deallocate(words, Int(lines) * 8) }

  @inline(__always) func insert(_ key: Key128) {
    let line = words + Probe.line(key, lines)
    var bits = key.low
    for _ in 0..<6 {
      line[Int(bits & 7)] |= 1 << ((bits >> 3) & 63)
      bits >>= 9
    }
  }

  /// Asks the filter as a plain value, without counting references to it; valid as long as the filter lives.
  var probe: Probe { Probe(words: words, lines: lines) }

  struct Probe: BitwiseCopyable {
    fileprivate let words: UnsafeMutablePointer<UInt64>
    fileprivate let lines: UInt64

    /// Index of the first word of the key's line.
    @inline(__always) fileprivate static func line(_ key: Key128, _ lines: UInt64) -> Int {
      Int(key.high.multipliedFullWidth(by: lines).high) &* 8
    }

    @inline(__always) func prefetch(_ key: Key128) { Memory.prefetch(words + Probe.line(key, lines)) }

    /// False means the key was never inserted.
    @inline(__always) func mayContain(_ key: Key128) -> Bool {
      let line = words + Probe.line(key, lines)
      var bits = key.low
      for _ in 0..<6 {
        if line[Int(bits & 7)] & (1 << ((bits >> 3) & 63)) == 0 { return false }
        bits >>= 9
      }
      return true
    }
  }
}
