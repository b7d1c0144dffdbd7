import Basics
import Dataflow
import Foundation
import Logs
import Stores
import Synchronization

/// A topology of a server: the generation that is served, and those that are built or kept up to date beside it.
///
/// Whoever answers takes `live` once and reads that generation to the end, whatever is promoted meanwhile. Operations come one
/// at a time; no answer waits for them. What they decide is on disk before it holds here, so a process that is killed goes on
/// with what it last said.
public final class ServedTopology: Sendable {
  /// One that is at work beside the live one.
  struct Beside: Sendable {
    var topology: LiveTopology
    var pace: Pace?
    /// Until it was first at the log's end: when and with how much read this process began with it, and lately.
    var building: Building?
  }

  struct Building: Sendable {
    var startedAt: Int64
    var samples: [(at: Int64, done: Int64)] = []
  }

  struct State: Sendable {
    var live: LiveTopology
    /// As whom the process answers.
    var instance: Instance?
    var beside: [Int: Beside] = [:]
    /// Closed, but somebody still reads them: RocksDB opens a directory once.
    var lingering: [Int: [WeakStore]] = [:]
    var verification: ServedVerification?
    var asked: AskedVerification?
    /// Why groups could not be joined or left last time, and when it is tried again.
    var membershipProblem: String?
    var settleAt: Int64 = 0
    /// What could not be begun when the process started, since no broker answered.
    var waiting: [Int: Generation] = [:]
  }

  struct WeakStore: Sendable {
    weak let store: Store?
  }

  struct Settings: Sendable {
    var threads: Int
    var maxShare: Int
    var keeping: Generations.Keeping
    var memory: Int
    var report: @Sendable (String) -> Void
    /// What generations are built from: the log of all, or a topic, connected to anew.
    var input: @Sendable (Topology.Source) throws(Failure) -> BoundedRun.Input
    /// Opens a generation that is not the live one.
    var open: @Sendable (Generation, Pace) throws(Failure) -> LiveTopology
  }

  public let generations: Generations
  let state: Mutex<State>
  let settings: Settings
  private let changes = NSRecursiveLock()

  public var name: String { generations.topology }

  init(_ live: LiveTopology, _ data: DataDirectory, settings: Settings) {
    generations = Generations(data, of: live.generation.topology.name)
    state = Mutex(State(live: live))
    self.settings = settings
  }

  /// The generation that is served now.
  public var live: LiveTopology { state.withLock { $0.live } }

  /// Starts what is served, and what was being built or kept up to date when the process ended.
  ///
  /// - `instance`: as whom the process answers.
  func start(as instance: Instance?) {
    state.withLock { $0.instance = instance }
    live.start()
    do throws(Failure) {
      for listed in try generations.all() where isKeptUpToDate(listed) {
        guard let generation = listed.generation else {
          settings.report("generation \(listed.number) of '\(name)' is left alone: \(listed.failure?.message ?? "")")
          continue
        }
        beginOrWait(generation)
      }
    } catch { settings.report("the generations of '\(name)' cannot be looked at: \(error.message)") }
  }

  /// Brokers that are away now may not be soon.
  private func beginOrWait(_ generation: Generation) {
    let number = generation.number
    let isWaiting = state.withLock { $0.waiting[number] != nil }
    do throws(Failure) { try begin(generation) } catch {
      if error.kind == .unavailable { state.withLock { $0.waiting[number] = generation } }
      if isWaiting { return }
      settings.report("generation \(number) of '\(name)' does not go on: \(error.message)")
    }
  }

  /// Tries again what could not be begun at the start.
  func beginWaiting() {
    for generation in state.withLock({ Array($0.waiting.values) }) { beginOrWait(generation) }
  }

  private func isKeptUpToDate(_ listed: Generations.Listed) -> Bool {
    switch listed.state {
    case .building, .previous: true
    case .caughtUp: listed.number > live.generation.number
    case .live, .retired, .paused, .cancelled: false
    }
  }

  /// Orderly: partitions are committed and given back to groups before the threads end, so that others go on from there at
  /// once.
  func stop() {
    let all = state.withLock { [$0.live] + $0.beside.values.map(\.topology) }
    for topology in all { topology.leaveForGood() }
    for topology in all { topology.stop() }
    for topology in all { topology.wait() }
    for topology in all { topology.closeOutputs() }
  }

  /// One operation at a time.
  func changing<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
    changes.lock()
    defer { changes.unlock() }
    return try body()
  }

  /// As `changing`, unless one is at work already.
  func ifIdle(_ body: () -> Void) {
    guard changes.try() else { return }
    defer { changes.unlock() }
    body()
  }

  /// Works on a generation from now on, if it does not yet, or again, if it stopped.
  @discardableResult
  func begin(_ generation: Generation) throws(Failure) -> Beside {
    let number = generation.number
    if let beside = working(number) { return beside }
    try close(number)
    let record = try generations.record(of: number)
    let pace = Pace(percent: record.maxShare ?? settings.maxShare, cores: settings.threads)
    let topology = try settings.open(generation, pace)
    let beside = Beside(
      topology: topology, pace: pace,
      building: record.caughtUpAt == nil ? Building(startedAt: monotonicMilliseconds()) : nil)
    state.withLock { $0.beside[number] = beside }
    topology.start()
    return beside
  }

  /// Nil also for one of which a partition stopped. On its own, so that whoever closes that one does not hold it meanwhile.
  private func working(_ number: Int) -> Beside? {
    guard let beside = state.withLock({ $0.beside[number] }),
      !beside.topology.statuses.contains(where: { $0.failure != nil })
    else { return nil }
    return beside
  }

  /// Ends the work on a generation and waits until nobody reads it.
  ///
  /// - Errors: `.unavailable` when somebody still does.
  func close(_ number: Int) throws(Failure) {
    state.withLock { $0.waiting[number] = nil }
    let stores = end(number)
    state.withLock { $0.lingering[number] = stores }
    try checkIsClosed(number)
  }

  /// In a function of its own, so that nothing here holds the stores afterwards.
  private func end(_ number: Int) -> [WeakStore] {
    guard let beside = state.withLock({ $0.beside.removeValue(forKey: number) }) else {
      return state.withLock { $0.lingering[number] ?? [] }
    }
    beside.topology.leaveForGood()
    beside.topology.stop()
    beside.topology.wait()
    beside.topology.closeOutputs()
    let stores =
      beside.topology.stores.withLock { Array($0.values) } + beside.topology.kept.withLock { Array($0.values) }
    return stores.map { WeakStore(store: $0) }
  }

  private func checkIsClosed(_ number: Int) throws(Failure) {
    for _ in 0..<5_000 {
      let isClosed = state.withLock { state in
        guard state.lingering[number]?.allSatisfy({ $0.store == nil }) ?? true else { return false }
        state.lingering[number] = nil
        return true
      }
      if isClosed { return }
      usleep(1_000)
    }
    throw .unavailable("generation \(number) of '\(name)' is still read by somebody: try again")
  }

  /// Another generation answers from now on; the one before it is kept up to date.
  func swap(to number: Int) {
    state.withLock { state in
      let next = state.beside.removeValue(forKey: number)!
      next.pace?.end()
      state.beside[state.live.generation.number] = Beside(topology: state.live)
      state.live = next.topology
    }
  }

  /// By partition, where the log ends now. Of a partition of a topic nobody may have said so yet: where it stands is then its
  /// end.
  func ends() throws(Failure) -> [Int64] {
    let live = live
    let log = live.log
    return try live.statuses.map { (status) throws(Failure) in
      try log.endOffset(partition: status.partition) ?? status.offset
    }
  }
}
