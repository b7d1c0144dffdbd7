import Basics
import Dataflow
import Foundation
import Synchronization

/// Funnels that somebody asked for: waiting, being computed, and kept.
///
/// - Layout: `funnels/ID/` each: `question.json`, `result.json` once it is there or `failure.json`, and until then `work/`.
///   What has neither when a process starts is begun again, and goes on where it was.
public final class AskedFunnels: Sendable {
  public struct Limits: Sendable {
    /// At a time; others wait.
    public var running = 1
    public var waiting = 16
    /// Results and failures, the newest.
    public var kept = 200

    public init() {}
  }

  public enum State: Sendable {
    /// For so many before it.
    case waiting(Int)
    /// `isHeld`: answers of what is served are behind, so it rests. Seconds left; nil until that can be said.
    case running(done: Int64, total: Int64?, isHeld: Bool, secondsLeft: Int64?)
    case finished(FunnelResult)
    case failed(Failure)
  }

  public enum Reply: Sendable {
    /// `isNew`: false for one that was there already.
    case taken(id: String, isNew: Bool)
    /// Too many wait.
    case full
  }

  struct Running: Sendable {
    var startedAt: Int64
    var reading: FunnelReplay.Reading?
    var isCancelled = false
    /// When reading began, and what had been read by then.
    var readFrom: (at: Int64, done: Int64)?
  }

  struct Table: Sendable {
    var asked: [String: AskedFunnel] = [:]
    /// Ids, the next one first.
    var waiting: [String] = []
    var running: [String: Running] = [:]
    /// Ids by when they were done, the oldest first.
    var done: [String] = []
  }

  public let limits: Limits
  private let files: AskedFunnelFiles
  private let table: Mutex<Table>
  private let pace: Pace
  private let memory: Int
  private let report: @Sendable (String) -> Void
  private let input: @Sendable (Topology.Source) throws(Failure) -> BoundedRun.Input

  /// - `directory`: of all of them; made when the first one is asked.
  /// - `memory`: bytes for each that runs.
  /// - `input`: the log, or a topic, connected to anew.
  init(
    directory: String, limits: Limits, threads: Int, memory: Int, report: @escaping @Sendable (String) -> Void,
    input: @escaping @Sendable (Topology.Source) throws(Failure) -> BoundedRun.Input
  ) {
    files = AskedFunnelFiles(directory)
    self.limits = limits
    self.memory = memory
    self.report = report
    self.input = input
    pace = Pace(percent: 50, cores: threads)
    var table = Table()
    for (id, asked, isDone) in files.sweep() {
      table.asked[id] = asked
      if isDone { table.done.append(id) } else { table.waiting.append(id) }
    }
    self.table = Mutex(table)
  }

  /// Answers of what is served are behind: nothing is read meanwhile.
  var isHeld: Bool {
    get { pace.isHeld }
    set { pace.isHeld = newValue }
  }

  /// Ids of all, those done last first.
  public var ids: [String] {
    table.withLock { Array($0.done.reversed()) + $0.running.keys.sorted() + $0.waiting }
  }

  public func asked(_ id: String) -> AskedFunnel? { table.withLock { $0.asked[id] } }

  /// Has it computed, unless that was done or begun. What failed is begun again.
  ///
  /// - Errors: `.invalid` naming what is wrong with it.
  func ask(_ asked: AskedFunnel) throws(Failure) -> Reply {
    let id = try asked.id()
    let hasFailed = files.failure(id) != nil
    let reply: Reply = table.withLock { table in
      if table.asked[id] != nil, !hasFailed { return .taken(id: id, isNew: false) }
      return table.waiting.count < limits.waiting ? .taken(id: id, isNew: true) : .full
    }
    guard case .taken(_, isNew: true) = reply else { return reply }
    try files.begin(id, asked)
    table.withLock { table in
      // Another may have asked the same meanwhile.
      guard table.running[id] == nil, !table.waiting.contains(id) else { return }
      table.done.removeAll { $0 == id }
      table.asked[id] = asked
      table.waiting.append(id)
    }
    return reply
  }

  /// Nil when there is none of that id.
  public func state(of id: String) throws(Failure) -> State? {
    let (isKnown, state): (Bool, State?) = table.withLock { table in
      guard table.asked[id] != nil else { return (false, nil) }
      if let running = table.running[id] { return (true, progress(running)) }
      return (true, table.waiting.firstIndex(of: id).map { .waiting(table.running.count + $0) })
    }
    guard isKnown else { return nil }
    if let state { return state }
    if let failure = files.failure(id) { return .failed(failure) }
    // Nil when it was forgotten this moment.
    return try files.result(id).map { .finished($0) }
  }

  private func progress(_ running: Running) -> State {
    let isHeld = pace.isHeld
    guard let reading = running.reading, let from = running.readFrom else {
      return .running(done: 0, total: nil, isHeld: isHeld, secondsLeft: nil)
    }
    let (done, total) = reading()
    let seconds = monotonicMilliseconds() - from.at
    guard let total, done > from.done else {
      return .running(done: done, total: total, isHeld: isHeld, secondsLeft: nil)
    }
    let left = max(0, total - done) * seconds / (done - from.done) / 1_000
    return .running(done: done, total: total, isHeld: isHeld, secondsLeft: left)
  }

  /// Ends it and forgets what it came to. False when there is none of that id.
  public func cancel(_ id: String) -> Bool {
    let isRunning: Bool? = table.withLock { table in
      guard table.asked[id] != nil else { return nil }
      table.running[id]?.isCancelled = true
      table.waiting.removeAll { $0 == id }
      return table.running[id] != nil
    }
    guard let isRunning else { return false }
    // Its thread removes what it works with.
    while isRunning, table.withLock({ $0.running[id] != nil }) { usleep(2_000) }
    if !isRunning { remove(id) }
    return true
  }

  private func remove(_ id: String) {
    files.remove(id)
    table.withLock { table in
      table.asked[id] = nil
      table.done.removeAll { $0 == id }
    }
  }

  /// Computes one that waits, if there is one. Returns when that is done, or when `isStopping`: then it goes on in the next
  /// process.
  func work(isStopping: @escaping @Sendable () -> Bool) {
    let next: (String, AskedFunnel)? = table.withLock { table in
      guard !table.waiting.isEmpty else { return nil }
      let id = table.waiting.removeFirst()
      table.running[id] = Running(startedAt: monotonicMilliseconds())
      return (id, table.asked[id]!)
    }
    guard let (id, asked) = next else { return }
    let outcome: Result<FunnelResult, Failure>
    do throws(Failure) { outcome = .success(try compute(id, asked, isStopping)) } catch { outcome = .failure(error) }
    let isCancelled = table.withLock { $0.running[id]!.isCancelled }
    if isCancelled {
      remove(id)
    } else if isStopping() {
      if case .success(let result) = outcome { try? files.finish(id, result) }
    } else {
      finish(id, asked, outcome)
    }
    table.withLock { $0.running[id] = nil }
  }

  private func finish(_ id: String, _ asked: AskedFunnel, _ outcome: Result<FunnelResult, Failure>) {
    do throws(Failure) {
      let result = try outcome.get()
      try files.finish(id, result)
      report("funnel \(id) of '\(asked.topology)' is computed: \(result.events) records were read")
    } catch {
      files.fail(id, error)
      report("funnel \(id) of '\(asked.topology)' was not computed: \(error.message)")
    }
    let old = table.withLock { table in
      table.done.append(id)
      return Array(table.done.dropLast(limits.kept))
    }
    for id in old { remove(id) }
  }

  /// At low priority, on what the live path leaves idle.
  private func compute(
    _ id: String, _ asked: AskedFunnel, _ isStopping: @Sendable () -> Bool
  ) throws(Failure) -> FunnelResult {
    LowPriority.apply()
    let input = try self.input(asked.source)
    let replay = try FunnelReplay(asked, in: files.work(id), input: input)
    var options = BoundedRun.Options(memory: memory, threads: pace.threads)
    options.pace = pace
    // What is served has the room first.
    options.task.diskFactor = 4
    return try replay.result(input: input, options: options) { (run, reading) throws(Failure) in
      let from = (at: monotonicMilliseconds(), done: reading().done)
      table.withLock {
        $0.running[id]!.reading = reading
        $0.running[id]!.readFrom = from
      }
      run.topology.start()
      while run.topology.statuses.contains(where: { $0.state == .running }), !isStopping(), !isCancelled(id) {
        usleep(20_000)
      }
      run.topology.stop()
      run.topology.wait()
      table.withLock { $0.running[id]!.reading = nil }
      if let stopped = run.topology.statuses.first(where: { $0.failure != nil }) { throw stopped.failure! }
      if isCancelled(id) { throw .unavailable("it was cancelled") }
      if isStopping() { throw .unavailable("the server is being stopped") }
    }
  }

  private func isCancelled(_ id: String) -> Bool { table.withLock { $0.running[id]?.isCancelled ?? false } }
}
