import Basics

/// What the state still remembers of one user, as far back as all of it is there.
public struct UserTimeline: Codable, Equatable, Sendable {
  public struct Session: Codable, Equatable, Sendable {
    /// Milliseconds.
    public var start: Int64
    public var end: Int64
    public var events: Int64
    /// Of its earliest event, what views of sessions want: a field and its value, empty when it has none.
    public var attributes: [Attribute]
  }

  public struct Attribute: Codable, Equatable, Sendable {
    public var field: String
    public var value: String
  }

  public struct Funnel: Codable, Equatable, Sendable {
    public var view: String
    /// Of the funnel.
    public var stepCount: Int
    /// The best of the entries that are shown; 0 without any.
    public var level: Int
    /// By time, then step.
    public var steps: [Step]
    /// Earlier steps are forgotten; milliseconds; nil: none are.
    public var completeFrom: Int64?
  }

  public struct Step: Codable, Equatable, Sendable {
    /// From 1.
    public var number: Int
    public var name: String
    /// Milliseconds.
    public var time: Int64
    /// Of an entry, the value of `by`; nil for other steps, and where there is no `by`.
    public var value: String?
  }

  /// By start; nil when the topology has no view of sessions.
  public var sessions: [Session]?
  /// Sessions that ended earlier are forgotten; milliseconds; nil: none are.
  public var sessionsCompleteFrom: Int64?
  public var funnels: [Funnel]
}
