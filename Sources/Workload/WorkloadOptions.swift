import Basics

/// What a workload is made of. Equal options make equal bytes, on every run and every machine.
public struct WorkloadOptions: Sendable {
  public var seed: UInt64
  /// Lines altogether: events, resends and unusable lines.
  public var events: Int
  /// People. How often they visit is Zipf-like: the first 1 % make about a sixth of the visits, and `u-00000000` comes
  /// about 150 times as often as the average.
  public var users: Int
  /// Milliseconds UTC. Nothing happened before it.
  public var start: Int64
  /// Milliseconds UTC. The last events arrive just before it, and nothing at it or later.
  public var end: Int64
  /// The mean size of a line in bytes. From 800 on an event has every field of the schema; below that it keeps what
  /// the shipped topologies read, which takes about 250 bytes.
  public var recordBytes: Int
  /// Share of lines that repeat an earlier line, byte for byte, up to a minute after it.
  public var duplicateShare: Double
  /// Share of events that arrive 2 to 30 minutes after they happened; the others take less than two seconds. Nobody is
  /// late in the last two minutes of the span, and towards its end nobody is later than it.
  public var lateShare: Double
  /// Share of events that arrive half an hour to 20 hours after they happened.
  public var veryLateShare: Double
  /// Share of lines that no reader can use: cut off, not UTF-8, without a user, far too long, and so on.
  public var hostileShare: Double
  /// Every event is of another person, all equally often, so that nothing lately used helps with the next event. What is
  /// done and when stays as it is.
  public var isUniform = false

  /// The defaults are a week that begins on 2026-03-01.
  public init(
    seed: UInt64 = 1, events: Int = 1_000_000, users: Int = 50_000, start: Int64 = 1_772_323_200_000,
    end: Int64 = 1_772_928_000_000, recordBytes: Int = 1_000, duplicateShare: Double = 0.02, lateShare: Double = 0.03,
    veryLateShare: Double = 0.001, hostileShare: Double = 0
  ) {
    self.seed = seed
    self.events = events
    self.users = users
    self.start = start
    self.end = end
    self.recordBytes = recordBytes
    self.duplicateShare = duplicateShare
    self.lateShare = lateShare
    self.veryLateShare = veryLateShare
    self.hostileShare = hostileShare
  }

  func validate() throws(Failure) {
    func check(_ holds: Bool, _ message: @autoclosure () -> String) throws(Failure) {
      guard holds else { throw .invalid("workload: " + message()) }
    }
    try check(events >= 0, "\(events) events are fewer than none")
    try check((1...100_000_000).contains(users), "\(users) users; 1 to 100,000,000 are possible")
    // A time that is not negative and below the year 10000 fits the 48 bits that queues and ids give it.
    try check(
      start >= 0 && start < end && end <= 253_402_300_800_000,
      "from \(Timestamp(milliseconds: start)) to \(Timestamp(milliseconds: end)) is not a span within 1970...9999")
    // Sizes vary by an eighth, and no event may be larger than 64 KiB.
    try check((250...58_000).contains(recordBytes), "\(recordBytes) bytes per record; 250 to 58,000 are possible")
    for (name, share) in [
      ("duplicate", duplicateShare), ("late", lateShare), ("very late", veryLateShare), ("hostile", hostileShare),
    ] {
      try check(share >= 0 && share <= 1, "a \(name) share of \(share) is not between 0 and 1")
    }
    try check(
      2 * duplicateShare + hostileShare <= 1,
      "a duplicate share of \(duplicateShare) does not leave as many lines to repeat; each is repeated at most once")
    try check(lateShare + veryLateShare <= 1, "late and very late shares are more than 1 together")
  }
}
