import Basics

/// What a topology file says, checked. Plain values: two files of the same meaning are equal.
public struct Topology: Sendable, Equatable {
  public var name: String
  public var source = Source()
  /// Events of one user at most this far apart are one session; milliseconds, inclusive.
  public var gapMilliseconds: Int64 = 30 * Timestamp.minute
  /// IANA zone of the `day` grain.
  public var timezone = "UTC"
  /// In file order. A view's name is the identity of its state.
  public var views: [ViewDefinition] = []
  public var outputs = Outputs()

  public init(name: String) { self.name = name }

  public struct Source: Codable, Sendable, Equatable {
    public var topic = "events"
    /// How far behind its partition's newest append stamp an event may be before it is late; milliseconds.
    public var horizonMilliseconds: Int64 = 72 * Timestamp.hour
    public var trustStamps = false
    public var trustProducerTime = false

    public init() {}
  }

  public func view(named name: String) -> ViewDefinition? { views.first { $0.name == name } }

  var hasViewOfSessions: Bool {
    views.contains { view in
      guard case .rollup(let rollup) = view.kind else { return false }
      return rollup.of == .sessions
    }
  }
}

public struct ViewDefinition: Sendable, Equatable {
  public var name: String
  public var kind: Kind

  public enum Kind: Sendable, Equatable {
    case rollup(RollupDefinition)
    case funnel(FunnelDefinition)
  }

  public init(name: String, kind: Kind) {
    self.name = name
    self.kind = kind
  }
}

/// Counts per bucket of time and combination of dimension values.
public struct RollupDefinition: Sendable, Equatable {
  public enum Subject: String, Sendable { case events, sessions }

  public var of: Subject
  /// Up to 8 fields. Of sessions: `start`, `duration`, `events` are not dimensions; other fields are the first event's.
  public var by: [Field]
  public var measures: [Measure]
  /// Finest first, without repetition, at least one.
  public var grains: [GrainDefinition]

  public init(of: Subject, by: [Field], measures: [Measure], grains: [GrainDefinition]) {
    self.of = of
    self.by = by
    self.measures = measures
    self.grains = grains
  }
}

public enum Grain: UInt8, Sendable, CaseIterable, Comparable {
  case minute = 0
  /// Kept as 15-minute cells, so that any time zone's hours and days can be put together.
  case hour = 1
  case day = 2

  public var name: String {
    switch self {
    case .minute: "minute"
    case .hour: "hour"
    case .day: "day"
    }
  }

  public init?(name: String) {
    guard let grain = Grain.allCases.first(where: { $0.name == name }) else { return nil }
    self = grain
  }

  public static func < (a: Grain, b: Grain) -> Bool { a.rawValue < b.rawValue }
}

public struct GrainDefinition: Sendable, Equatable {
  public var grain: Grain
  /// Milliseconds; nil is forever.
  public var retentionMilliseconds: Int64?

  public init(grain: Grain, retentionMilliseconds: Int64?) {
    self.grain = grain
    self.retentionMilliseconds = retentionMilliseconds
  }
}

/// A path into the event, `geo.country`; for sessions also `start`, `duration` (ms) and `events`.
public struct Field: Sendable, Hashable, CustomStringConvertible {
  public var path: [String]

  public init(path: [String]) { self.path = path }
  public init(_ dotted: String) { path = dotted.split(separator: ".").map(String.init) }

  public var description: String { path.joined(separator: ".") }

  // Names are bytes: String's own equality takes é written in two ways for one name.
  public static func == (a: Field, b: Field) -> Bool { a.path.map { Array($0.utf8) } == b.path.map { Array($0.utf8) } }
  public func hash(into hasher: inout Hasher) { for name in path { hasher.combine(Array(name.utf8)) } }
}

public struct Measure: Sendable, Equatable {
  public enum Function: Sendable, Equatable {
    case count
    case sum(Field)
    case avg(Field)
    case min(Field)
    case max(Field)
    /// Users, exactly. The only field it takes is `user_id`.
    case distinct
    /// 0 < q < 1 in units of 10^-6.
    case quantile(Field, millionths: Int)
  }

  public var name: String
  public var function: Function
  /// Digits after the decimal point that sums, minima and maxima keep. Nil: none given (0 for sum; 6 for min and max of an
  /// event field, 0 of a session's own).
  public var scale: Int?
  public var filter: Predicate?

  public init(name: String, function: Function, scale: Int? = nil, filter: Predicate? = nil) {
    self.name = name
    self.function = function
    self.scale = scale
    self.filter = filter
  }
}

/// A condition on one event or session, in SQL's three-valued logic: a comparison with a missing value is unknown, and
/// only what is true counts.
public indirect enum Predicate: Sendable, Equatable {
  public enum Comparison: String, Sendable {
    case equal = "="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
  }

  case compare(Field, Comparison, Literal)
  case isIn(Field, [Literal])
  /// Present and neither null nor "". Never unknown.
  case exists(Field)
  case not(Predicate)
  case and(Predicate, Predicate)
  case or(Predicate, Predicate)
}

public enum Literal: Sendable, Equatable {
  /// Compared bytewise with the field's text.
  case text(String)
  /// Twice the number in units of 10^-18, as `Projection.Kind.exact`; at most 18 fraction digits, |x| < 10^15.
  case number(Int128)
  /// Compared with the tokens `true` and `false`.
  case boolean(Bool)

  // Texts are bytes: String's own equality takes é written in two ways for one text, and two conditions for one.
  public static func == (a: Literal, b: Literal) -> Bool {
    switch (a, b) {
    case (.text(let a), .text(let b)): a.utf8.elementsEqual(b.utf8)
    case (.number(let a), .number(let b)): a == b
    case (.boolean(let a), .boolean(let b)): a == b
    default: false
    }
  }
}

public struct FunnelDefinition: Sendable, Equatable {
  public struct Step: Sendable, Equatable {
    /// Shown in answers: the event type, or the `name:` given.
    public var name: String
    public var eventType: String
    public var filter: Predicate?

    public init(name: String, eventType: String, filter: Predicate? = nil) {
      self.name = name
      self.eventType = eventType
      self.filter = filter
    }
  }

  /// 2 to 20.
  public var steps: [Step]
  /// From the entry to the last step; milliseconds, inclusive.
  public var withinMilliseconds: Int64
  public var by: Field?
  /// `mode: strict_increase`: each step later than the one before, not merely not earlier.
  public var strictIncrease: Bool
  /// Of entry buckets; milliseconds; nil is forever.
  public var retentionMilliseconds: Int64?

  public init(
    steps: [Step], withinMilliseconds: Int64, by: Field? = nil, strictIncrease: Bool = false,
    retentionMilliseconds: Int64? = nil
  ) {
    self.steps = steps
    self.withinMilliseconds = withinMilliseconds
    self.by = by
    self.strictIncrease = strictIncrease
    self.retentionMilliseconds = retentionMilliseconds
  }
}
