import Synchronization

/// Bytes that were made of stored ones and may be wanted again, for as long as what they were made of has not changed.
///
/// Bounded: of two halves the younger takes what is new and what is found, and when it is full the older is dropped, so what
/// nobody asks for goes.
public final class ByteCache: Sendable {
  private struct Entry {
    var versions: [UInt64]
    var bytes: [UInt8]

    var cost: Int { bytes.count + versions.count * 8 + 256 }
  }

  private struct State {
    var young: [String: Entry] = [:]
    var old: [String: Entry] = [:]
    var youngBytes = 0
  }

  private let state = Mutex(State())
  private let bytes: Int

  /// - `bytes`: at the most, about.
  public init(bytes: Int) { self.bytes = bytes }

  /// Nil unless they were made of the same versions.
  public func find(_ name: String, versions: [UInt64]) -> [UInt8]? {
    state.withLock { state in
      if let entry = state.young[name] { return entry.versions == versions ? entry.bytes : nil }
      guard let entry = state.old[name], entry.versions == versions else { return nil }
      add(entry, name, &state)
      return entry.bytes
    }
  }

  public func keep(_ name: String, versions: [UInt64], _ bytes: [UInt8]) {
    let entry = Entry(versions: versions, bytes: bytes)
    guard entry.cost <= self.bytes / 16 else { return }
    state.withLock { add(entry, name, &$0) }
  }

  private func add(_ entry: Entry, _ name: String, _ state: inout State) {
    if let before = state.young[name] { state.youngBytes -= before.cost }
    state.old[name] = nil
    state.young[name] = entry
    state.youngBytes += entry.cost
    guard state.youngBytes > bytes / 2 else { return }
    state.old = state.young
    state.young = [:]
    state.youngBytes = 0
  }
}
