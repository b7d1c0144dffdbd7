import Basics
import Events

/// What the code makes of a topology, as a number: raised whenever the same log and topology would give other results.
public enum Semantics {
  public static let number = 1

  /// 32 hexadecimal digits that stand for the meaning of a topology under this code: equal digests, equal results.
  public static func digest(of topology: Topology) -> String {
    Events.digest("semantics \(number)\n\(topology.canonical)").hexadecimal
  }
}
