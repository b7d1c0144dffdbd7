import Foundation
import Synchronization

/// Events in the order they were tracked, until they are removed: in memory, or in files.
final class EventQueue: Sendable {
  private struct State {
    var lines: [[UInt8]] = []
    /// Removed from the front of `lines`, which is cleared now and then.
    var first = 0
    var spool: Spool?
    var added = 0
    var removed = 0
  }

  private let state: Mutex<State>
  private let mostEvents: Int

  init(_ options: ClientOptions) throws(ClientError) {
    mostEvents = options.queueEvents
    var initial = State()
    if let directory = options.spool {
      let spool = try Spool(directory, mostBytes: options.spoolBytes)
      initial.added = spool.events
      initial.spool = spool
    }
    state = Mutex(initial)
  }

  /// - Errors: there is no room.
  func add(_ line: [UInt8]) throws(ClientError) {
    let result = state.withLock { state in
      Result { () throws(ClientError) in
        if state.spool != nil {
          try state.spool!.append(line)
        } else {
          guard state.added - state.removed < mostEvents else {
            throw ClientError("\(mostEvents) events are waiting already")
          }
          state.lines.append(line)
        }
        state.added += 1
      }
    }
    try result.get()
  }

  var waiting: Int { state.withLock { $0.added - $0.removed } }

  /// How many there have ever been; an event is done when `removed` has reached this as it was after it was added.
  var added: Int { state.withLock { $0.added } }
  var removed: Int { state.withLock { $0.removed } }

  /// The first events, which stay; at least one if there is any.
  func first(events: Int, bytes: Int) throws(ClientError) -> [[UInt8]] {
    let taken = state.withLock { state -> Result<[[UInt8]], ClientError> in
      if state.spool != nil {
        return Result { () throws(ClientError) in try state.spool!.first(events: events, bytes: bytes) }
      }
      var some: [[UInt8]] = []
      var size = 0
      for line in state.lines[state.first...].prefix(events) {
        size += line.count + 1
        if !some.isEmpty, size > bytes { break }
        some.append(line)
      }
      return .success(some)
    }
    return try taken.get()
  }

  func remove(_ count: Int) {
    state.withLock { state in
      state.removed += count
      guard state.spool == nil else { return state.spool!.remove(count) }
      state.first += count
      if state.first > 1_024 || state.first == state.lines.count {
        state.lines.removeFirst(state.first)
        state.first = 0
      }
    }
  }

  /// What waits in files stays there; nobody else may have the directory before.
  func close() { state.withLock { $0.spool?.end() } }
}
