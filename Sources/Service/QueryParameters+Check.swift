import Basics
import Dataflow
import Settings

extension QueryParameters {
  /// What the query itself would refuse too, said in the names of the parameters.
  func check(_ request: QueryRequest, _ topology: Topology) throws(Failure) {
    let rollups = topology.rollups
    if let view {
      guard topology.view(named: view) != nil else {
        let hint = Suggestion.hint(for: view, among: rollups.map(\.name))
        throw .invalid("view: topology '\(topology.name)' has no view \(NamedValues.shown(view))\(hint)")
      }
      guard rollups.contains(where: { $0.name == view }) else {
        throw .invalid("view: '\(view)' is a funnel, which has steps and no metrics")
      }
    }
    let meant = rollups.filter { view == nil || $0.name == view }
    let having = meant.filter { $0.rollup.measures.contains { $0.name == metric } }
    guard let (name, rollup) = having.first else {
      let hint = Suggestion.hint(for: metric, among: meant.flatMap { $0.rollup.measures.map(\.name) })
      let place = view.map { "view '\($0)'" } ?? "topology '\(topology.name)'"
      throw .invalid("metric: \(place) has no metric \(NamedValues.shown(metric))\(hint)")
    }
    guard having.count == 1 else {
      let names = having.map(\.name).joined(separator: ", ")
      throw .invalid("view is missing: several views have a metric '\(metric)': \(names)")
    }
    let dimensions = rollup.by.map(\.description)
    for wanted in request.groupBy { try check("group_by", wanted, dimensions, name) }
    if isByEventType { try check("event_type", "event_type", dimensions, name) }
  }

  private func check(_ parameter: String, _ wanted: String, _ known: [String], _ view: String) throws(Failure) {
    guard !known.contains(wanted) else { return }
    let hint = known.isEmpty ? "; it has none" : Suggestion.hint(for: wanted, among: known)
    throw .invalid("\(parameter): \(NamedValues.shown(wanted)) is not a dimension of view '\(view)'\(hint)")
  }
}

extension Topology {
  var rollups: [(name: String, rollup: RollupDefinition)] {
    views.compactMap { view in
      guard case .rollup(let rollup) = view.kind else { return nil }
      return (view.name, rollup)
    }
  }

  func funnel(named name: String) -> FunnelDefinition? {
    guard case .funnel(let funnel)? = view(named: name)?.kind else { return nil }
    return funnel
  }
}
