import Basics
import Dataflow
import Foundation
import Runtime
import Settings
import Synchronization

extension API {
  func funnel(_ view: String, _ request: Request) throws(Failure) -> Response {
    if view.hasPrefix(AskedFunnel.prefix) { return try asked(view, request) }
    let parameters = try FunnelParameters(request.query)
    guard isFunnel(view, in: parameters.topology) else { return noFunnel(view, in: parameters.topology) }
    let topology = try node.topology(named: parameters.topology, view: view)
    let all = try gather(
      topology, request.path, request.query,
      retention: topology.generation.topology.funnel(named: view)?.retentionMilliseconds)
    let answer = try funnel(parameters.request(of: view), all)
    return .json(AnswerText.funnel(all.reading, answer, histogram: parameters.histogram))
  }

  private func funnel(_ request: FunnelRequest, _ all: Gathered) throws(Failure) -> FunnelAnswer {
    let parts = try onAllCores(all.reading.answers) { (share) throws(Failure) in try share.funnelPart(request) }
    return try all.reading.answers.withoutPartitions.funnel(request, parts: parts + all.parts)
  }

  /// The parts of an answer: each core puts some partitions together, as other instances do theirs.
  func onAllCores(
    _ answers: Answers, _ part: @Sendable (Answers) throws(Failure) -> [UInt8]
  ) throws(Failure) -> [[UInt8]] {
    let shares = answers.divided(into: ProcessInfo.processInfo.activeProcessorCount)
    let results = Mutex<(parts: [[UInt8]], failure: Failure?)>(([], nil))
    DispatchQueue.concurrentPerform(iterations: shares.count) { index in
      do throws(Failure) {
        let part = try part(shares[index])
        results.withLock { $0.parts.append(part) }
      } catch {
        results.withLock { $0.failure = error }
      }
    }
    let (parts, failure) = results.withLock { $0 }
    if let failure { throw failure }
    return parts
  }

  func isFunnel(_ view: String, in topology: String?) -> Bool {
    // A wrong `topology` is a parameter's fault, not the path's: it is left to be refused as one.
    if let topology, !node.topologies.contains(where: { $0.generation.topology.name == topology }) { return true }
    return meant(topology).contains { $0.generation.topology.funnel(named: view) != nil }
  }

  func noFunnel(_ view: String, in topology: String?) -> Response {
    let known = meant(topology).flatMap(\.generation.topology.views).map(\.name)
    let isRollup = known.contains(view)
    let funnels = meant(topology).flatMap { live in
      live.generation.topology.views.map(\.name).filter { live.generation.topology.funnel(named: $0) != nil }
    }
    let hint = Suggestion.hint(for: view, among: funnels)
    return .problem(
      404,
      isRollup
        ? "view '\(view)' is a rollup, not a funnel: /query has its metrics"
        : "there is no funnel \(NamedValues.shown(view))\(hint)")
  }

  private func meant(_ topology: String?) -> [LiveTopology] {
    node.topologies.filter { topology == nil || $0.generation.topology.name == topology }
  }
}
