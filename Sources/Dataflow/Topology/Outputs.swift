/// Where results go besides answers. No part of a topology's meaning, and of no digest: a sink changes no number.
public struct Outputs: Sendable, Equatable {
  public enum Guarantee: String, Sendable, CaseIterable {
    case atLeastOnce = "at_least_once"
    case exactlyOnce = "exactly_once"
  }

  /// What is written to a topic of its own.
  public enum Target: Sendable, Hashable, Comparable, CustomStringConvertible {
    case view(String)
    case sessions
    case deadLetters

    public var description: String {
      switch self {
      case .view(let name): "view '\(name)'"
      case .sessions: "sessions"
      case .deadLetters: "dead letters"
      }
    }
  }

  /// Topics; no two targets have the same.
  public var topics: [Target: String] = [:]
  public var guarantee = Guarantee.atLeastOnce

  public init() {}

  public var isEmpty: Bool { topics.isEmpty }
  /// Whether the topology has what the target is.
  public static func canWrite(_ target: Target, of topology: Topology) -> Bool {
    switch target {
    case .view(let name): topology.view(named: name) != nil
    case .sessions: topology.hasViewOfSessions
    case .deadLetters: true
    }
  }

  /// In one order whatever came first.
  public var targets: [Target] { topics.keys.sorted() }
}
