import Basics
import Foundation

/// What becomes of a generation after it was made: `gen-N/record.json`. Which one is served is not in it: that is `current`.
///
/// All times are milliseconds of the machine's clock.
public struct GenerationRecord: Codable, Equatable, Sendable {
  /// What an operator wants of one that is being built.
  public enum Wish: String, Codable, Sendable {
    case paused
    case cancelled
  }

  /// It had read everything its log held then.
  public var caughtUpAt: Int64?
  /// Since when it was served, the last time it began to be.
  public var liveSince: Int64?
  /// Until when it was served; means nothing while it is.
  public var liveUntil: Int64?
  /// The generation that was served before it: where `rollback` goes.
  public var replaced: Int?
  public var wish: Wish?
  /// A server serves it as soon as it is built, also with less of the past if that was accepted.
  public var promotion: Generations.PromotionTerms?
  /// Percent of the cores that a server builds it with.
  public var maxShare: Int?
  public var speed: ReplaySpeed?

  public init() {}
}

/// How fast a replay was, once: what the next one is estimated from.
public struct ReplaySpeed: Codable, Equatable, Sendable {
  public var records: Int64
  public var milliseconds: Int64
  public var threads: Int

  public init(records: Int64, milliseconds: Int64, threads: Int) {
    self.records = records
    self.milliseconds = milliseconds
    self.threads = threads
  }

  public var recordsPerSecond: Int64 { records * 1_000 / max(1, milliseconds) }

  /// The better founded of two: the one over more records.
  public static func better(_ a: ReplaySpeed?, _ b: ReplaySpeed?) -> ReplaySpeed? {
    guard let a, let b else { return a ?? b }
    return a.records > b.records ? a : b
  }
}

public enum GenerationState: String, Sendable {
  /// Being built, or its build was interrupted: the command that began it goes on.
  case building
  /// Built up to what was then the log's end, and not served yet.
  case caughtUp = "caught_up"
  case live
  /// Served before the live one: where a rollback goes.
  case previous
  /// Served once.
  case retired
  case paused
  case cancelled
}
