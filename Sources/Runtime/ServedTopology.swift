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
    var beside: [Int: Beside] = [:]
    /// Closed, but somebody still reads them: RocksDB opens a directory once.
    var lingering: [Int: [WeakStore]] = [:]
    var verification: ServedVerification?
    var asked: AskedVerification?
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
    /// Opens a generation that is not the live one.
    var open: @Sendable (Generation, Pace) throws(Failure) -> LiveTopology
  }

  public let generations: Generations
  let state: Mutex<State>
  let log: SegmentLog?
  let settings: Settings
  private let changes = NSRecursiveLock()

  public var name: String { generations.topology }

  init(_ live: LiveTopology, _ data: DataDirectory, log: SegmentLog?, settings: Settings) {
    generations = Generations(data, of: live.generation.topology.name)
    state = Mutex(State(live: live))
    self.log = log
    self.settings = settings
  }

  /// The generation that is served now.
  public var live: LiveTopology { state.withLock { $0.live } }

  /// Whether generations can be built beside the live one.
  public var buildsGenerations: Bool { log != nil }

  /// Starts what is served, and what was being built or kept up to date when the process ended.
  func start() {
    live.start()
    guard log != nil else { return }
    do throws(Failure) {
      for listed in try generations.all() where isKeptUpToDate(listed) {
        guard let generation = listed.generation else {
          settings.report("generation \(listed.number) of '\(name)' is left alone: \(listed.failure?.message ?? "")")
          continue
        }
        do throws(Failure) { try begin(generation) } catch {
          settings.report("generation \(listed.number) of '\(name)' does not go on: \(error.message)")
        }
      }
    } catch { settings.report("the generations of '\(name)' cannot be looked at: \(error.message)") }
  }

  private func isKeptUpToDate(_ listed: Generations.Listed) -> Bool {
    switch listed.state {
    case .building, .previous: true
    case .caughtUp: listed.number > live.generation.number
    case .live, .retired, .paused, .cancelled: false
    }
  }

  func stop() {
    let all = state.withLock { [$0.live] + $0.beside.values.map(\.topology) }
    for topology in all { topology.stop() }
    for topology in all { topology.wait() }
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
    let stores = end(number)
    state.withLock { $0.lingering[number] = stores }
    try checkIsClosed(number)
  }

  /// In a function of its own, so that nothing here holds the stores afterwards.
  private func end(_ number: Int) -> [WeakStore] {
    guard let beside = state.withLock({ $0.beside.removeValue(forKey: number) }) else {
      return state.withLock { $0.lingering[number] ?? [] }
    }
    beside.topology.stop()
    beside.topology.wait()
    return beside.topology.stores.withLock { $0.values.map { WeakStore(store: $0) } }
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

  func embeddedLog() throws(Failure) -> SegmentLog {
    if let log { return log }
    throw .invalid(
      "topology '\(name)' is read from Kafka as a member of a consumer group: this server builds no generations beside it yet; "
        + "stop it and use 'millrace deploy --config FILE', which reads Kafka beside the group, then start it again")
  }
}
