import Basics
import Dataflow
import Logs

/// In a consumer group, generations are deployed by an instance that has every partition: it builds the next one alone, beside
/// the group, and what it serves joins the group of its meaning. Instances do not tell each other of generations.
extension ServedTopology {
  private static let retryMilliseconds: Int64 = 1_000

  /// - Errors: `.invalid` with who has what this instance has not, and what to do.
  func checkHasAll(_ topology: LiveTopology) throws(Failure) {
    let statuses = topology.statuses
    let away = statuses.filter { !$0.isHere }.map(\.partition)
    guard !away.isEmpty else { return }
    let here = statuses.filter(\.isHere).map { "\($0.partition)" }.joined(separator: ", ")
    throw .invalid(
      "this instance has \(here.isEmpty ? "no partition" : "partitions \(here)") of '\(name)'; \(owners(of: away, topology)): "
        + "generations are deployed, compared and promoted by an instance that has all. Stop the others, and their partitions "
        + "come here; deploy and promote; then start them with the new file and an empty data directory")
  }

  private func owners(of partitions: [Int], _ topology: LiveTopology) -> String {
    let owners = topology.ownership?.owners ?? [:]
    let byAddress = Dictionary(grouping: partitions) { owners[$0]?.instance.address }
    return byAddress.sorted { ($0.key ?? "~") < ($1.key ?? "~") }.map { address, partitions in
      let numbers = partitions.map(String.init).joined(separator: ", ")
      return address.map { "instance \($0) has \(numbers)" } ?? "nobody has said yet that he has \(numbers)"
    }.joined(separator: "; ")
  }

  /// Tells the group of what is about to be served. Brokers that are away hold nothing up: it is told when it becomes a member.
  func announce(_ next: LiveTopology) {
    guard next.options.topic != nil, !next.isMember else { return }
    _ = try? next.announce(as: state.withLock { $0.instance })
  }

  /// What is served becomes a member of its group, what is not served any more leaves its own. When the brokers are away that is
  /// tried again: meanwhile each goes on as it is.
  ///
  /// First leaving: a replay has the group of what it replaces, and must not share its partitions with it.
  func settleMemberships() {
    let (live, beside, instance, isDue) = state.withLock { state in
      (state.live, state.beside.values.map(\.topology), state.instance, monotonicMilliseconds() >= state.settleAt)
    }
    guard live.options.topic != nil, isDue else { return }
    beginWaiting()
    do throws(Failure) {
      for topology in beside where topology.isMember { try topology.leaveGroup() }
      if !live.isMember { try live.joinGroup(as: instance) }
      state.withLock { $0.membershipProblem = nil }
    } catch {
      let isNews = state.withLock { state in
        state.settleAt = monotonicMilliseconds() + ServedTopology.retryMilliseconds
        defer { state.membershipProblem = error.message }
        return state.membershipProblem != error.message
      }
      if isNews { settings.report("the consumer groups of '\(name)' are as they were: \(error.message)") }
    }
  }
}
