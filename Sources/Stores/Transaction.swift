import Basics

/// Changes that become visible together or not at all. Reused after `Store.commit`.
///
/// An empty one has no memory of its own: `Changes` keep what they grew to, and partitions that commit one after the other
/// share it.
public final class Transaction {
  private var held: Changes?

  /// What is changed, as far as somebody wants to know later whether it was.
  private(set) var marks: Set<UInt64> = []

  public init() {}
  deinit { if let held { Changes.giveBack(held) } }

  var changes: Changes {
    if let held { return held }
    let changes = Changes.take()
    held = changes
    return changes
  }

  public func put(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) { changes.append(.put, key, value) }

  /// Adds a value to be merged with what is stored, by the store's `Merging`. Nothing is read.
  public func merge(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    changes.append(.merge, key, value)
  }

  public func delete(_ key: UnsafeRawBufferPointer) {
    changes.append(.delete, key, UnsafeRawBufferPointer(start: nil, count: 0))
  }

  /// Deletes start <= key < end.
  public func deleteRange(_ start: UnsafeRawBufferPointer, _ end: UnsafeRawBufferPointer) {
    changes.append(.deleteRange, start, end)
  }

  /// Says what is changed, for `ChangeMarks`.
  public func mark(_ mark: UInt64) { marks.insert(mark) }

  public func clear() {
    if let held {
      self.held = nil
      Changes.giveBack(held)
    }
    marks.removeAll(keepingCapacity: true)
  }

  /// Operations so far.
  public var count: Int { held?.list.count ?? 0 }

  /// Bytes of keys and values so far.
  public var byteCount: Int { held?.bytes.count ?? 0 }
}

extension UnsafeRawBufferPointer {
  /// C's view of the bytes. RocksDB does not read behind it when the length is 0, but wants it not to be nil.
  var characters: UnsafePointer<CChar> {
    guard let baseAddress else { return emptyCharacters }
    return baseAddress.assumingMemoryBound(to: CChar.self)
  }
}

nonisolated(unsafe) private let emptyCharacters = UnsafePointer(UnsafeMutablePointer<CChar>.allocate(capacity: 1))
