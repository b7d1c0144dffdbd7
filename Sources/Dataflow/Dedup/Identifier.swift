import Basics

/// What is remembered of a counted event: 24 bytes, in memory and in the store (little-endian).
struct Identifier: BitwiseCopyable {
  var key: Key128
  /// Hours since 1970 of the partition's newest stamp when it was counted; 0 in a log without stamps.
  var hour: UInt32
  /// A hash of type and time, to tell a resend from another event under the same id.
  var check: UInt32

  static let byteCount = 24

  /// How long ids are kept, in hours of stamps: a resend that is neither late nor in the future always falls inside, because
  /// its time is at most 24 h ahead of the first stamp and at most the horizon behind the second.
  static func keptHours(horizonMilliseconds: Int64) -> UInt32 {
    UInt32((horizonMilliseconds + Timestamp.hour - 1) / Timestamp.hour) + 24
  }
}
