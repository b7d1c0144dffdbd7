import Basics
import Dataflow
import Foundation
import Logs
import Stores
import Synchronization

/// `millrace serve`: every topology that follows the log, in one process.
public final class Node: Sendable {
  /// The log of all topologies, or how each of them joins a consumer group of its own.
  public enum Source: Sendable {
    case embedded(SegmentLog)
    case kafka(KafkaOptions)
  }

  public let data: DataDirectory
  /// The embedded log, if that is the source.
  public let embedded: SegmentLog?
  public let served: [ServedTopology]
  public let startedAt: Int64
  public let budget: MemoryBudget
  /// Where each partition of the log ended at the start: once every topology is there, it is ready.
  private let endsAtStart: [Int64]?
  private let checkpointMilliseconds: Int64?
  private let ownCheckpoints: (everyMilliseconds: Int64, keep: Int)?
  private let freshnessMilliseconds: Int64
  private let verifyMilliseconds: Int64?
  /// This process among the others of its groups; nil until it is known where it answers.
  public var instance: Instance? { ownInstance.withLock { $0 } }
  private let ownInstance = Mutex<Instance?>(nil)
  /// Funnels that somebody asked for and no topology declares.
  public let funnels: AskedFunnels
  private let isStopping = Mutex(false)
  private let housekeeping = DispatchGroup()
  private let report: @Sendable (String) -> Void

  public struct Options: Sendable {
    public var memory: Int
    public var threads: Int
    public var task = PartitionTask.Options()
    /// What is kept of generations that are no longer served.
    public var keeping = Generations.Keeping(count: 1, milliseconds: 30 * Timestamp.day)
    /// Percent of the cores that a generation is built with unless told otherwise, and how old the answers of what is served may
    /// be before the building waits.
    public var maxShare = 50
    public var freshnessMilliseconds: Int64 = 2_000
    /// A directory that all instances see, and how often states are copied there; nil: states stay here.
    public var checkpoints: (path: String, everyMilliseconds: Int64)?
    /// How often checkpoints are made beside states that follow the embedded log, and how many are kept.
    public var ownCheckpoints: (everyMilliseconds: Int64, keep: Int)?
    /// How often what is served is rebuilt from the embedded log and compared; nil: never.
    public var verifyMilliseconds: Int64?
    public var funnels = AskedFunnels.Limits()

    public init(memory: Int, threads: Int) {
      self.memory = memory
      self.threads = threads
      task.policy = .live
    }
  }

  /// Starts generation 1 of a topology that has none; goes on with what there is. A file that differs from the frozen
  /// topology is only warned about: what was frozen counts.
  ///
  /// - `report`: told, in a sentence, what an operator should know.
  public init(
    _ data: DataDirectory, source: Source, topologyFiles: [(text: String, topology: Topology)], options: Options,
    report: @escaping @Sendable (String) -> Void
  ) throws(Failure) {
    self.data = data
    self.report = report
    startedAt = wallMilliseconds()
    budget = MemoryBudget(bytes: options.memory)
    switch source {
    case .embedded(let log):
      embedded = log
      for line in log.recovered { report(line) }
      var ends: [Int64] = []
      for partition in 0..<log.partitionCount { ends.append(try log.endOffset(partition: partition) ?? 0) }
      endsAtStart = ends
    case .kafka:
      embedded = nil
      endsAtStart = nil
    }
    var opened: [(Generation, any Log)] = []
    for (text, topology) in topologyFiles {
      opened.append(try Node.open(data, text, topology, source, options.checkpoints?.path, report))
    }
    verifyMilliseconds = options.verifyMilliseconds
    ownCheckpoints = options.ownCheckpoints
    checkpointMilliseconds = options.checkpoints?.everyMilliseconds
    freshnessMilliseconds = options.freshnessMilliseconds
    // Half of the operators' memory is left to generations beside the live ones: usually one that is built and one that was
    // served before.
    let partitions = opened.reduce(0) { $0 + $1.1.partitionCount } * 2
    var live: [ServedTopology] = []
    for ((generation, log), (_, topology)) in zip(opened, topologyFiles) {
      var settings = LiveTopology.Options(
        threads: options.threads, mode: .follow, partitionsInProcess: partitions)
      settings.task = options.task
      settings.report = report
      settings.task.outputs = try Node.sink(source, topology.outputs, generation, report)
      settings.topic = Node.access(source, generation, topology.outputs, report)
      settings.checkpoints = options.checkpoints.map {
        SharedCheckpoints($0.path, digest: generation.digest, report: report)
      }
      let name = generation.topology.name
      let onStop: @Sendable (Int, Failure) -> Void = {
        report("topology \(name), partition \($0) stopped: \($1.message)")
      }
      let opened: LiveTopology
      if log is KafkaLog {
        opened = try LiveTopology(generation, memberOf: log, budget: budget, options: settings, onStop: onStop)
      } else {
        opened = try LiveTopology(
          generation, budget: budget, options: settings, onStop: onStop, log: { (_) throws(Failure) in log })
      }
      live.append(
        ServedTopology(
          opened, data,
          settings: .init(
            threads: options.threads, maxShare: options.maxShare, keeping: options.keeping, memory: options.memory,
            report: report, input: { (wanted) throws(Failure) in try Node.input(source, wanted) },
            open: Node.opener(source, budget, settings, options.checkpoints?.path, report))))
    }
    served = live
    funnels = AskedFunnels(
      directory: "\(data.path)/funnels", limits: options.funnels, threads: options.threads,
      memory: options.memory / 8 / max(1, options.funnels.running), report: report
    ) { (wanted) throws(Failure) in try Node.input(source, wanted) }
  }

  /// What is served now, one generation of each topology.
  public var topologies: [LiveTopology] { served.map(\.live) }

  /// The topology of that name; nil when there is none.
  public func served(named name: String) -> ServedTopology? { served.first { $0.name == name } }

  /// - `address`: `host:port` where this process answers other instances.
  public func start(answeringAt address: String? = nil) {
    ownInstance.withLock { $0 = address.map { Instance(id: UUID().uuidString, address: $0) } }
    for topology in served { topology.start(as: instance) }
    for topology in topologies {
      guard let log = topology.log as? KafkaLog else { continue }
      do throws(Failure) { try topology.join(as: instance) } catch {
        report("joining \(log.group!) failed: \(error.message)")
      }
    }
    keep("housekeeping") { [self] in keepHouse() }
    keep("verify") { [self] in keepVerifying() }
    for _ in 0..<funnels.limits.running { keep("funnels") { [self] in keepComputing() } }
    // The group's coordinator may take its time.
    if embedded == nil { keep("groups") { [self] in keepTouch() } }
  }

  private func keep(_ name: String, _ body: @escaping @Sendable () -> Void) {
    housekeeping.enter()
    let thread = Thread { [housekeeping] in
      body()
      housekeeping.leave()
    }
    thread.name = name
    thread.start()
  }

  /// Commits everything and returns when all threads have ended.
  public func stop() {
    isStopping.withLock { $0 = true }
    housekeeping.wait()
    // Each may wait seconds for a group that does not answer.
    let served = served
    DispatchQueue.concurrentPerform(iterations: served.count) { served[$0].stop() }
  }

  /// Whether every topology has reached the end its log had at the start; a member of a group, the end of each partition it
  /// was given, once. Stopped partitions do not hold it up: answers name them.
  public var isReady: Bool {
    topologies.allSatisfy { topology in
      let statuses = topology.statuses
      guard let endsAtStart else {
        return statuses.contains { $0.isHere }
          && statuses.allSatisfy { $0.failure != nil || !$0.isHere || $0.caughtUpAt != nil }
      }
      return statuses.allSatisfy { $0.failure != nil || $0.offset >= endsAtStart[$0.partition] }
    }
  }

  /// The topology meant: the one named, or the only one, or the only one that has the view or the metric.
  public func topology(named name: String?, view: String?, metric: String? = nil) throws(Failure) -> LiveTopology {
    if let name {
      if let found = topologies.first(where: { $0.generation.topology.name == name }) { return found }
      throw .invalid("there is no topology '\(name)'; there is \(names(topologies))")
    }
    if topologies.count == 1 { return topologies[0] }
    let having = topologies.filter { live in
      let topology = live.generation.topology
      if let view { return topology.view(named: view) != nil }
      guard let metric else { return true }
      return topology.views.contains { view in
        guard case .rollup(let rollup) = view.kind else { return false }
        return rollup.measures.contains { $0.name == metric }
      }
    }
    if having.count == 1 { return having[0] }
    if having.isEmpty {
      throw .invalid("no topology has \(view.map { "a view '\($0)'" } ?? "a metric '\(metric ?? "")'")")
    }
    throw .invalid("several topologies could be meant: \(names(having)); name one with 'topology'")
  }

  private func names(_ topologies: [LiveTopology]) -> String {
    topologies.isEmpty ? "none" : topologies.map(\.generation.topology.name).joined(separator: ", ")
  }

  /// Whether the answers of what is served are older than they may be while something is built beside it.
  private var isBehind: Bool {
    let now = wallMilliseconds()
    return topologies.contains { topology in
      guard let until = LiveTopology.completeUntil(topology.statuses) else { return false }
      return now - until > freshnessMilliseconds
    }
  }

  /// One topology at a time: each rebuilding takes its share of memory and disk.
  private func keepVerifying() {
    var due = verifyMilliseconds.map { monotonicMilliseconds() + $0 }
    while !isStopping.withLock({ $0 }) {
      Thread.sleep(forTimeInterval: 0.1)
      for topology in served { topology.verifyIfAsked { self.isStopping.withLock { $0 } } }
      guard let every = verifyMilliseconds, monotonicMilliseconds() >= due! else { continue }
      for topology in served { topology.verify { self.isStopping.withLock { $0 } } }
      due = monotonicMilliseconds() + every
    }
  }

  private func keepComputing() {
    while !isStopping.withLock({ $0 }) {
      Thread.sleep(forTimeInterval: 0.02)
      funnels.work { self.isStopping.withLock { $0 } }
    }
  }

  private func keepHouse() {
    var due = monotonicMilliseconds()
    var checkpointDue = checkpointMilliseconds.map { due + $0 }
    var wasNearlyFull = false
    while !isStopping.withLock({ $0 }) {
      Thread.sleep(forTimeInterval: 0.1)
      let isBehind = isBehind
      for topology in served { topology.lookAfter(isBehind: isBehind) }
      funnels.isHeld = isBehind
      let now = monotonicMilliseconds()
      if let checkpointMilliseconds, let due = checkpointDue, now >= due {
        for topology in topologies { topology.checkpoint() }
        checkpointDue = monotonicMilliseconds() + checkpointMilliseconds
      }
      guard now >= due else { continue }
      due += min(60_000, ownCheckpoints?.everyMilliseconds ?? .max)
      if let ownCheckpoints {
        for topology in served {
          topology.ifIdle {
            topology.live.checkpointIfDue(
              every: ownCheckpoints.everyMilliseconds, keep: ownCheckpoints.keep, since: startedAt)
          }
        }
      }
      if let embedded { keepHouse(of: embedded, &wasNearlyFull) }
    }
  }

  private func keepHouse(of log: SegmentLog, _ wasNearlyFull: inout Bool) {
    do throws(Failure) {
      for segment in try log.applyRetention(now: wallMilliseconds()) {
        report("removed \(segment.path) (log retention)")
      }
    } catch {
      report("log retention failed: \(error.message)")
    }
    let isNearlyFull = log.isDiskNearlyFull
    if isNearlyFull, !wasNearlyFull {
      report("less than 10 % of the disk under \(log.directory) is free: \(log.diskSpace.free >> 20) MiB")
    }
    wasNearlyFull = isNearlyFull
  }

  /// Tells the groups, after the state, how far it is, for lag tools and for the other instances, and asks who has the rest.
  private func keepTouch() {
    var due = monotonicMilliseconds()
    var here: [Set<Int>] = topologies.map { _ in [] }
    while !isStopping.withLock({ $0 }) {
      Thread.sleep(forTimeInterval: 0.1)
      let now = monotonicMilliseconds()
      let isDue = now >= due
      if isDue { due = now + 1_000 }
      for (index, topology) in topologies.enumerated() {
        if isDue { topology.stopIfLogFailed() }
        let before = here[index]
        here[index] = Set(topology.statuses.filter(\.isHere).map(\.partition))
        // What was just given to us, others should ask us for at once.
        guard isDue || !here[index].isSubset(of: before) else { continue }
        topology.tellGroup()
        topology.askForOwners(milliseconds: 1_000)
        if isDue { (topology.log as? KafkaLog)?.askForEnds(milliseconds: 1_000) }
        if !isDue { due = min(due, now + 300) }
      }
    }
  }
}
