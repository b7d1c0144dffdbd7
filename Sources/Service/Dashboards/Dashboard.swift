import Basics
import Dataflow
import Settings

/// A page of panels that somebody put together: questions, and how their answers are drawn.
public struct Dashboard: Equatable, Sendable {
  /// One question and its drawing.
  public struct Panel: Equatable, Sendable {
    public var title: String
    public var chart: String
    public var size: String
    /// Of its range when it has one of its own.
    public var days: Int?
    public var question: Question
  }

  public enum Question: Equatable, Sendable {
    /// Parameters of `GET /query`, in the order of `Dashboard.queryNames`.
    case query([Item])
    /// A declared funnel, and parameters of `GET /funnels/{view}/results`.
    case funnel(view: String, [Item])
  }

  public struct Item: Equatable, Sendable {
    public var name: String
    public var value: String
  }

  public var title: String
  public var description: String?
  /// Nil: whichever is looked at that has the views.
  public var topology: String?
  /// Shown when no other range is asked for: the last so many days.
  public var days: Int?
  public var timezone: String?
  public var panels: [Panel]

  /// What a question may say itself: the range and the topology are the page's.
  static let queryNames = QueryParameters.names.filter {
    !["start_time", "end_time", "cursor", "topology", "format"].contains($0)
  }
  static let funnelNames = FunnelParameters.names.filter { !["start_time", "end_time", "topology"].contains($0) }
  static let queryCharts = ["line", "area", "bar", "stacked", "doughnut", "ranking", "number", "table"]
  static let funnelCharts = ["funnel", "table"]
  static let sizes = ["quarter", "third", "half", "full"]
  public static let bytesLimit = 64 << 10
  static let panelLimit = 60

  /// Whether one of these can answer all of its questions.
  ///
  /// - `topologies`: nil: nobody knows yet which there will be.
  func problem(of question: Question, among topologies: [Topology]?) -> Failure? {
    guard let topologies else { return nil }
    let meant = topologies.filter { topology == nil || $0.name == topology }
    var first: Failure?
    for candidate in meant {
      do throws(Failure) {
        try question.check(candidate)
        return nil
      } catch { first = first ?? error }
    }
    return first ?? .invalid("no topology is served that could answer it")
  }
}

extension Dashboard.Question {
  fileprivate func check(_ topology: Topology) throws(Failure) {
    switch self {
    case .query(let items):
      _ = try QueryParameters(items.map { ($0.name, $0.value) }).request(of: topology)
    case .funnel(let view, let items):
      _ = try FunnelParameters(items.map { ($0.name, $0.value) })
      guard topology.funnel(named: view) == nil else { return }
      let funnels = topology.views.map(\.name).filter { topology.funnel(named: $0) != nil }
      throw .invalid(
        "view: topology '\(topology.name)' has no funnel \(NamedValues.shown(view))"
          + Suggestion.hint(for: view, among: funnels))
    }
  }
}
