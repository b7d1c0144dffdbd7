import Synchronization

/// What transactions have changed since a store was opened, by the marks that whoever writes gives to its changes.
final class ChangeLog: Sendable {
  private struct State {
    var commits: UInt64 = 0
    var changed: [UInt64: UInt64] = [:]
    /// Of a transaction that is being written.
    var writing: Set<UInt64> = []
  }

  private static let opened = Atomic<UInt64>(0)
  /// Of this opening of the store: after another one the same number of commits may mean something else.
  private let store = ChangeLog.opened.add(1, ordering: .relaxed).newValue
  private let state = Mutex(State())

  func begin(_ marks: Set<UInt64>) { state.withLock { $0.writing.formUnion(marks) } }

  func end(_ marks: Set<UInt64>) {
    state.withLock { state in
      state.commits += 1
      for mark in marks { state.changed[mark] = state.commits }
      state.writing.subtract(marks)
    }
  }

  /// What has changed up to the moment in which `body` runs. Nothing begins or ends to be written meanwhile.
  func capture(_ body: () -> Void) -> ChangeMarks {
    state.withLock { state in
      body()
      return ChangeMarks(store: store, changed: state.changed, writing: state.writing)
    }
  }
}

/// What had changed when a snapshot was taken. Equal versions of a mark mean that nothing it stands for differs.
public struct ChangeMarks: Sendable {
  /// Of the store, as it was opened.
  public let store: UInt64
  fileprivate let changed: [UInt64: UInt64]
  fileprivate let writing: Set<UInt64>

  /// Nil while a change is being written: it may be in the snapshot or not.
  public func version(of mark: UInt64) -> UInt64? { writing.contains(mark) ? nil : changed[mark] ?? 0 }
}
