import Synchronization

/// How much of the machine a generation takes while it is built beside those that are served.
///
/// A share of the cores, and nothing at all while what is served is behind: its readers come first.
public final class Pace: Sendable {
  private struct State {
    var isHeld = false
    var isOff = false
  }

  /// Of its threads, how many work at a time.
  let threads: Int
  /// Thousandths of the time that each of them works.
  private let activity: Int64
  private let state = Mutex(State())

  /// - `percent`: of all cores.
  public init(percent: Int, cores: Int) {
    let share = max(1, min(100, percent)) * max(1, cores)
    threads = (share + 99) / 100
    activity = Int64(share * 10 / threads)
  }

  /// Whether what is served is behind, so that this has to wait.
  public var isHeld: Bool {
    get { state.withLock { $0.isHeld && !$0.isOff } }
    set { state.withLock { $0.isHeld = newValue } }
  }

  /// It is served itself from now on.
  func end() { state.withLock { $0.isOff = true } }

  /// Whether one more thread may work beside so many.
  func mayWork(beside working: Int) -> Bool { state.withLock { $0.isOff || (!$0.isHeld && working < threads) } }

  /// What a thread owes for working so long; milliseconds.
  func rest(after milliseconds: Int64) -> Int64 {
    state.withLock { $0.isOff ? 0 : milliseconds * (1_000 - activity) / activity }
  }
}
