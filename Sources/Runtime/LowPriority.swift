import Basics
import Foundation
import Glibc
import Synchronization

/// Work that may take long and must not hold up what is served.
enum LowPriority {
  private static let niceness: Int32 = 15

  /// Of the calling thread alone, and of those it begins; there is no way back.
  static func apply() { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness) }

  /// On a thread of its own; returns when it is done.
  static func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let result = Mutex<Result<Value, Failure>?>(nil)
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
      apply()
      let found: Result<Value, Failure>
      do throws(Failure) { found = .success(try body()) } catch { found = .failure(error) }
      result.withLock { $0 = found }
      done.signal()
    }
    thread.stackSize = 8 << 20
    thread.start()
    done.wait()
    return try result.withLock { $0! }.get()
  }
}
