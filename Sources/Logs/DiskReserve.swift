import Basics
import Glibc
import Synchronization

/// Refuses appends while the file system is nearly full, so that the rest of the machine, and we, can still act.
final class DiskReserve: Sendable {
  private struct State {
    var reserve: Int64
    var checkedAt: Int64 = .min
    var free: Int64 = .max
    var total: Int64 = 1
  }

  private let path: String
  private let state: Mutex<State>

  init(path: String, reserveBytes: Int64) {
    self.path = path
    state = Mutex(State(reserve: reserveBytes))
  }

  /// - Errors: `.unavailable` below the reserve. The system is asked at most every 50 ms: an append must not cost a call.
  func check() throws(Failure) {
    let now = ClockGuard.monotonicMilliseconds()
    let (free, reserve) = state.withLock { state in
      if state.checkedAt <= now - 50 { refresh(&state, now) }
      return (state.free, state.reserve)
    }
    guard free < reserve else { return }
    throw .unavailable(
      "\(path): the disk is nearly full: free \(free >> 20) MiB, reserve \(reserve >> 20) MiB; free some space, "
        + "shorten the log's retention or lower its reserve")
  }

  func setReserve(_ bytes: Int64) {
    state.withLock { state in
      state.reserve = bytes
      state.checkedAt = .min
    }
  }

  /// Bytes free for us, and bytes in all.
  var space: (free: Int64, total: Int64) {
    state.withLock { state in
      refresh(&state, ClockGuard.monotonicMilliseconds())
      return (state.free, state.total)
    }
  }

  private func refresh(_ state: inout State, _ now: Int64) {
    var system = statvfs()
    // When the system will not say, the write itself will.
    guard statvfs(path, &system) == 0 else { return }
    state.free = Int64(clamping: UInt64(system.f_bavail) * UInt64(system.f_frsize))
    state.total = max(1, Int64(clamping: UInt64(system.f_blocks) * UInt64(system.f_frsize)))
    state.checkedAt = now
  }
}
