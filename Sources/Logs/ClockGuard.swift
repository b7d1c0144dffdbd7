import Basics
import Glibc

/// Notices a wall clock that leaps ahead. Stamps never fall, so one wrong hour would make every honest event after it
/// look late; a leap is judged against a monotonic clock, so that an idle log is no leap.
///
/// All times in milliseconds.
struct ClockGuard {
  static let tolerance = Timestamp.hour

  /// The wall clock furthest ahead so far, and the monotonic clock then.
  private var wall: Int64
  private var monotonic: Int64

  init(now: Int64, monotonic: Int64) {
    wall = now
    self.monotonic = monotonic
  }

  /// How far `now` is ahead of what it should be when that is more than the tolerance, else nil. A clock that was set back,
  /// and comes back, has not leapt.
  mutating func leap(now: Int64, monotonic: Int64) -> Int64? {
    let expected = wall + (monotonic - self.monotonic)
    if now - expected > ClockGuard.tolerance { return now - expected }
    if now > expected { confirm(now: now, monotonic: monotonic) }
    return nil
  }

  /// Takes `now` for right whatever went before.
  mutating func confirm(now: Int64, monotonic: Int64) {
    wall = now
    self.monotonic = monotonic
  }

  static func wallMilliseconds() -> Int64 { read(CLOCK_REALTIME) }

  /// Counts on while the machine sleeps, unlike `CLOCK_MONOTONIC`: a laptop that wakes up has not leapt.
  static func monotonicMilliseconds() -> Int64 { read(CLOCK_BOOTTIME) }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
  }
}
