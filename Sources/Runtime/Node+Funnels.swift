import Basics
import Dataflow

extension Node {
  /// Has a funnel computed that no topology declares, up to where the topology stands now.
  ///
  /// - `shape`: which entries, and what of them.
  /// - Errors: `.invalid` naming what is wrong with it, `.unavailable` while nobody can say where the topology stands.
  public func ask(
    _ funnel: FunnelText, of topology: LiveTopology, _ shape: (inout AskedFunnel) -> Void
  ) throws(Failure) -> AskedFunnels.Reply {
    var asked = try AskedFunnel(funnel, of: topology)
    shape(&asked)
    return try funnels.ask(asked)
  }
}
