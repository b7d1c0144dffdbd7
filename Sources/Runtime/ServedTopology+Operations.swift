import Basics
import Dataflow
import Foundation
import Logs

extension ServedTopology {
  /// How a generation is to be built.
  public struct Wishes: Sendable {
    public var start = ReplayStart.beginning
    /// Also when what is served means the same.
    public var isReplay = false
    /// Serve it once it is built.
    public var promotion: Generations.PromotionTerms?
    /// Percent of the cores.
    public var maxShare: Int?

    public init() {}
  }

  public struct Deployment: Sendable {
    public var generation: Int
    /// What is served means the same: nothing is built.
    public var isUnchanged: Bool
    public var isResumed = false
  }

  public struct Promotion: Sendable {
    public var generation: Int
    /// Nil: it was served already.
    public var replaced: Int?
    public var dropped: [Int] = []
  }

  /// What deploying a definition would mean.
  public func plan(_ file: (text: String, topology: Topology), start: ReplayStart) throws(Failure) -> DeploymentPlan {
    try check(file.topology)
    return try DeploymentPlan(generations.data, file, try settings.input(file.topology.source), start: start)
  }

  /// Begins the next generation beside the live one, or goes on with it, and returns.
  public func deploy(
    _ file: (text: String, topology: Topology), _ wishes: Wishes
  ) throws(Failure) -> Deployment {
    try check(file.topology)
    return try changing { () throws(Failure) in
      try checkHasAll(live)
      let input = try settings.input(file.topology.source)
      switch try generations.next(file, from: input, start: wishes.start, isReplay: wishes.isReplay) {
      case .unchanged(let served): return Deployment(generation: served.number, isUnchanged: true)
      case .build(let generation, let isResumed):
        try generations.update(generation.number) {
          $0.promotion = wishes.promotion
          $0.maxShare = wishes.maxShare ?? $0.maxShare
        }
        try closeUnwanted()
        try begin(generation)
        return Deployment(generation: generation.number, isUnchanged: false, isResumed: isResumed)
      }
    }
  }

  /// Rebuilds the definition that is served.
  public func replay(_ wishes: Wishes) throws(Failure) -> Deployment {
    var wishes = wishes
    wishes.isReplay = true
    let generation = live.generation
    return try deploy((try generation.text(), generation.topology), wishes)
  }

  private func check(_ topology: Topology) throws(Failure) {
    guard topology.name == name else {
      throw .invalid("the definition is of topology '\(topology.name)', not of '\(name)'")
    }
    let topic = live.generation.topology.source.topic
    guard topology.source.topic == topic else {
      throw .invalid("the definition reads topic '\(topology.source.topic)'; the log of this server is '\(topic)'")
    }
    guard let target = topology.outputs.targets.first(where: { topology.outputs.topics[$0] == topic }) else { return }
    throw .invalid("the definition writes \(target) to '\(topic)', from which it reads: name another topic")
  }

  /// - Errors: `.invalid` when the generation is not one that is being built.
  public func set(_ wish: GenerationRecord.Wish?, of number: Int) throws(Failure) {
    try changing { () throws(Failure) in
      let listed = try listed(number)
      guard listed.record.liveSince == nil, number != live.generation.number else {
        throw .invalid("generation \(number) of '\(name)' is or was served: it is not being built")
      }
      if wish != .cancelled, listed.state == .cancelled {
        throw .invalid("generation \(number) of '\(name)' was cancelled: deploy it again")
      }
      try generations.update(number) { $0.wish = wish }
      if wish == nil {
        try begin(try Generation.load(generations.data, topology: name, number: number))
      } else {
        try close(number)
      }
    }
  }

  func listed(_ number: Int) throws(Failure) -> Generations.Listed {
    let all = try generations.all()
    if let found = all.first(where: { $0.number == number }) { return found }
    let known = all.map { "\($0.number)" }.joined(separator: ", ")
    throw .invalid("topology '\(name)' has no generation \(number); it has \(known)")
  }

  /// Serves another generation from now on.
  ///
  /// - `number`: nil is the newest that was never served.
  /// - Errors: `.invalid` with what speaks against it.
  public func promote(_ number: Int?, _ terms: Generations.PromotionTerms) throws(Failure) -> Promotion {
    try changing { () throws(Failure) in
      let live = live
      try checkHasAll(live)
      let wanted = number == nil ? try generations.candidate() : number!
      guard wanted != live.generation.number else { return Promotion(generation: wanted) }
      _ = try listed(wanted)
      let beside = try begin(try Generation.load(generations.data, topology: name, number: wanted))
      let next = beside.topology
      let served = try Generations.Standing(live)
      if !terms.isForced {
        // Held back it would never get there, and nobody lets it go on before this is over.
        beside.pace?.isHeld = false
        waitUntilThere(next, served.statuses)
      }
      try generations.check(
        try Generations.Standing(next), against: served, ends: served.statuses.map(\.offset), terms)
      announce(next)
      try generations.promote(wanted) { swap(to: wanted) }
      return Promotion(generation: wanted, replaced: live.generation.number, dropped: prune())
    }
  }

  /// One that follows the log stands within a commit of where the live one does.
  private func waitUntilThere(_ next: LiveTopology, _ served: [PartitionStatus]) {
    let deadline = monotonicMilliseconds() + 3_000
    while monotonicMilliseconds() < deadline {
      let statuses = next.statuses
      if zip(statuses, served).allSatisfy({ $0.offset >= $1.offset }) || statuses.contains(where: { $0.failure != nil })
      {
        return
      }
      usleep(5_000)
    }
  }

  /// Serves again what was served before.
  public func rollback() throws(Failure) -> Promotion {
    try changing { () throws(Failure) in
      try checkHasAll(live)
      if let previous = try generations.previous() {
        let next = try begin(try Generation.load(generations.data, topology: name, number: previous)).topology
        waitUntilThere(next, live.statuses)
        announce(next)
      }
      let (from, to) = try generations.rollback { swap(to: $0) }
      return Promotion(generation: to, replaced: from)
    }
  }

  /// Removes a generation that is not served; bytes that are free then.
  public func drop(_ number: Int) throws(Failure) -> Int {
    try changing { () throws(Failure) in
      let listed = try listed(number)
      if listed.state != .live { try close(number) }
      try generations.drop(number)
      return listed.stateBytes
    }
  }

  /// Ends the work on what nobody wants any more.
  private func closeUnwanted() throws(Failure) {
    for listed in try generations.all() where state.withLock({ $0.beside[listed.number] != nil }) {
      let isOvertaken = listed.state == .caughtUp && listed.number < live.generation.number
      guard listed.state == .retired || listed.state == .cancelled || isOvertaken else { continue }
      try close(listed.number)
    }
  }

  private func prune() -> [Int] {
    do throws(Failure) {
      try closeUnwanted()
      let inUse = state.withLock { Set($0.beside.keys).union($0.lingering.keys) }
      return try generations.prune(settings.keeping, now: wallMilliseconds(), inUse: inUse)
    } catch {
      // It is served all the same; the next promotion tidies again.
      settings.report("old generations of '\(name)' were not removed: \(error.message)")
      return []
    }
  }
}
