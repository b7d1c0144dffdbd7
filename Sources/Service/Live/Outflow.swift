import Synchronization

/// The body of a response that has no end yet: filled by whoever has something to say, emptied by the HTTP server, which lets the
/// connection sleep in between.
///
/// What is not read in time is not kept: past the limit the client is dropped, since it can begin again with a whole picture.
public final class Outflow: Equatable, Sendable {
  /// What a reader gets.
  enum Portion: Equatable {
    /// So many bytes were written.
    case bytes(Int)
    /// Nothing for now; `wake` is called once when there is.
    case later
    case end
    /// It was dropped.
    case broken
  }

  private struct State {
    var waiting: [[UInt8]] = []
    /// Bytes of the first that were read.
    var read = 0
    var bytes = 0
    var isEnded = false
    var isDropped = false
    var isClosed = false
    var wake: (@Sendable () -> Void)?
    var onClose: (@Sendable () -> Void)?
  }

  private let state: Mutex<State>
  private let limit: Int

  /// - `limit`: bytes that may wait to be read.
  /// - `onClose`: called once, when nobody reads any more.
  init(limit: Int, onClose: @escaping @Sendable () -> Void) {
    self.limit = limit
    var first = State()
    first.onClose = onClose
    state = Mutex(first)
  }

  public static func == (a: Outflow, b: Outflow) -> Bool { a === b }

  func push(_ bytes: [UInt8]) {
    state.withLock { state in
      guard !state.isEnded, !state.isDropped, !state.isClosed, !bytes.isEmpty else { return }
      if state.bytes + bytes.count > limit {
        state.isDropped = true
        state.waiting = []
        state.bytes = 0
      } else {
        state.waiting.append(bytes)
        state.bytes += bytes.count
      }
      Outflow.wake(&state)
    }
  }

  /// What waits is still read.
  func end() {
    state.withLock { state in
      state.isEnded = true
      Outflow.wake(&state)
    }
  }

  /// - `sleep`: called before `.later` is returned, so that what `wake` undoes has been done by then.
  func read(
    into buffer: UnsafeMutableRawBufferPointer, wake: @escaping @Sendable () -> Void, sleep: () -> Void
  ) -> Portion {
    state.withLock { state in
      if state.isDropped { return .broken }
      guard !state.waiting.isEmpty else {
        if state.isEnded { return .end }
        sleep()
        state.wake = wake
        return .later
      }
      var written = 0
      while written < buffer.count, let first = state.waiting.first {
        let count = min(first.count - state.read, buffer.count - written)
        first.withUnsafeBytes { bytes in
          buffer[written..<written + count].copyBytes(from: bytes[state.read..<state.read + count])
        }
        written += count
        state.read += count
        if state.read == first.count {
          state.waiting.removeFirst()
          state.read = 0
        }
      }
      state.bytes -= written
      return .bytes(written)
    }
  }

  /// Nobody reads any more.
  func close() {
    let onClose = state.withLock { state in
      defer { state.onClose = nil }
      state.isClosed = true
      state.waiting = []
      state.bytes = 0
      // The connection is gone, or about to be.
      state.wake = nil
      return state.onClose
    }
    onClose?()
  }

  /// Under the lock, so that a connection is woken once for each time it slept, and never after it has gone.
  private static func wake(_ state: inout State) {
    state.wake?()
    state.wake = nil
  }
}
