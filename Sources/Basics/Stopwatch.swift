import Glibc

/// Where the processor time of a batch goes, in the order in which a batch passes.
public enum Stage: Int, CaseIterable, Sendable {
  case read, parse, prefetch, dedup, texts, rollup, sessions, funnel, commit

  public var name: String { "\(self)" }
}

/// Nanoseconds of processor time by stage.
public struct StageTimes: Sendable {
  private var nanoseconds = InlineArray<9, Int64>(repeating: 0)

  public init() {}

  public subscript(stage: Stage) -> Int64 {
    get { nanoseconds[stage.rawValue] }
    set { nanoseconds[stage.rawValue] = newValue }
  }

  public mutating func add(_ other: StageTimes) {
    for stage in Stage.allCases { self[stage] += other[stage] }
  }
}

/// Says what each stage costs, for measurements only: nothing computed may depend on it.
///
/// Reads the thread's processor time, so waiting does not count and a busy machine disturbs it little. A reading is a
/// system call: one per stage, and after the first batches only in every fourth, which stands for the other three.
public final class Stopwatch {
  public private(set) var times = StageTimes()
  private var last: Int64 = 0
  private var batches = 0
  /// 0: this batch is not measured.
  private var weight: Int64 = 1
  private static let all = 64, every = 4

  public init() {}

  /// Starts a batch: it may be on another thread than the one before.
  public func beginBatch() {
    batches &+= 1
    weight = batches <= Stopwatch.all ? 1 : batches % Stopwatch.every == 0 ? Int64(Stopwatch.every) : 0
    if weight > 0 { last = Stopwatch.now() }
  }

  /// Starts a commit, of which each is measured.
  public func beginCommit() {
    weight = 1
    last = Stopwatch.now()
  }

  /// What passed since the last call was `stage`.
  public func lap(_ stage: Stage) {
    guard weight > 0 else { return }
    let now = Stopwatch.now()
    times[stage] += (now - last) * weight
    last = now
  }

  private static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
