import Basics
import Dataflow
import Foundation
import Logs
import Stores
import Synchronization

/// `millrace serve`: the embedded log and every topology that follows it, in one process.
public final class Node: Sendable {
  public let data: DataDirectory
  public let log: SegmentLog
  public let topologies: [LiveTopology]
  public let startedAt: Int64
  public let budget: MemoryBudget
  /// Where each partition of the log ended at the start: once every topology is there, it is ready.
  private let endsAtStart: [Int64]
  private let isStopping = Mutex(false)
  private let housekeeping = DispatchGroup()
  private let report: @Sendable (String) -> Void

  public struct Options: Sendable {
    public var memory: Int
    public var threads: Int
    public var task = PartitionTask.Options()

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
    _ data: DataDirectory, log: SegmentLog, topologyFiles: [(text: String, topology: Topology)], options: Options,
    report: @escaping @Sendable (String) -> Void
  ) throws(Failure) {
    self.data = data
    self.log = log
    self.report = report
    startedAt = wallMilliseconds()
    budget = MemoryBudget(bytes: options.memory)
    for line in log.recovered { report(line) }
    var generations: [Generation] = []
    for (text, topology) in topologyFiles {
      guard try data.currentGeneration(of: topology.name) != nil else {
        generations.append(
          try Generation.create(
            data, topology: topology, text: text, source: .log, starts: try log.starts()))
        continue
      }
      let generation = try Generation.load(data, topology: topology.name)
      guard generation.source == .log else {
        throw .invalid(
          "\(generation.directory) was built from files, not from the log: use another --data to serve '\(topology.name)'"
        )
      }
      let topic = generation.topology.source.topic
      guard topic == log.topic else {
        throw .invalid(
          "topology '\(topology.name)' was built from topic '\(topic)' (\(generation.directory)/topology.yaml), not from "
            + "'\(log.topic)': go back to that topic, or build the other one in a new --data")
      }
      if generation.digest != Semantics.digest(of: topology) {
        report(
          "the file of topology '\(topology.name)' differs from generation \(generation.number): the frozen "
            + "\(generation.directory)/topology.yaml counts until a new generation is built")
      }
      generations.append(generation)
    }
    var ends: [Int64] = []
    for partition in 0..<log.partitionCount { ends.append(try log.endOffset(partition: partition) ?? 0) }
    endsAtStart = ends
    var live: [LiveTopology] = []
    for generation in generations {
      var settings = LiveTopology.Options(
        threads: options.threads, mode: .follow, partitionsInProcess: log.partitionCount * generations.count)
      settings.task = options.task
      let name = generation.topology.name
      live.append(
        try LiveTopology(
          generation, budget: budget, options: settings,
          onStop: { report("topology \(name), partition \($0) stopped: \($1.message)") },
          log: { (_) throws(Failure) in log }))
    }
    topologies = live
  }

  public func start() {
    for topology in topologies { topology.start() }
    housekeeping.enter()
    let thread = Thread { [self] in
      keepHouse()
      housekeeping.leave()
    }
    thread.name = "housekeeping"
    thread.start()
  }

  /// Commits everything and returns when all threads have ended.
  public func stop() {
    isStopping.withLock { $0 = true }
    for topology in topologies { topology.stop() }
    for topology in topologies { topology.wait() }
    housekeeping.wait()
  }

  /// Whether every topology has reached the end its log had at the start. Stopped partitions do not hold it up: answers
  /// name them.
  public var isReady: Bool {
    topologies.allSatisfy { topology in
      topology.statuses.allSatisfy { $0.failure != nil || $0.offset >= endsAtStart[$0.partition] }
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

  private func keepHouse() {
    var due = monotonicMilliseconds()
    var wasNearlyFull = false
    while !isStopping.withLock({ $0 }) {
      Thread.sleep(forTimeInterval: 0.1)
      guard monotonicMilliseconds() >= due else { continue }
      due += 60_000
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
  }
}
