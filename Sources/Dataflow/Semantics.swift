import Basics
import Events

/// What the code makes of a topology, as a number: raised whenever the same log and topology would give other results.
public enum Semantics {
  public static let number = 1

  /// 32 hexadecimal digits that stand for the meaning of a topology under this code: equal digests, equal results.
  public static func digest(of topology: Topology) -> String {
    let key = Events.digest("semantics \(number)\n\(topology.canonical)")
    func hex(_ word: UInt64) -> String {
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    return hex(key.high) + hex(key.low)
  }
}
