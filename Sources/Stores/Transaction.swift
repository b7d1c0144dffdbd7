import Basics
import CRocksDB
import Synchronization

/// Changes that become visible together or not at all: `rocksdb_writebatch_t`. Reused after `Store.commit`.
///
/// An empty one has no batch of its own: batches keep the memory they grew to, and partitions that commit one after the other
/// share it.
public final class Transaction {
  private var held: OpaquePointer?
  // Addresses of empty batches nobody has; whoever takes one under the lock owns it.
  private static let spare = Mutex<[UInt]>([])

  /// What is changed, as far as somebody wants to know later whether it was.
  private(set) var marks: Set<UInt64> = []

  public init() {}
  deinit { if let held { rocksdb_writebatch_destroy(held) } }

  var handle: OpaquePointer {
    if let held { return held }
    let spare = Transaction.spare.withLock { $0.popLast() }
    held = spare.flatMap { OpaquePointer(bitPattern: $0) } ?? rocksdb_writebatch_create()
    return held!
  }

  public func put(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    rocksdb_writebatch_put(handle, key.characters, key.count, value.characters, value.count)
  }

  /// Adds a value to be merged with what is stored, by the store's `Merging`. Nothing is read.
  public func merge(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    rocksdb_writebatch_merge(handle, key.characters, key.count, value.characters, value.count)
  }

  public func delete(_ key: UnsafeRawBufferPointer) {
    rocksdb_writebatch_delete(handle, key.characters, key.count)
  }

  /// Deletes start <= key < end.
  public func deleteRange(_ start: UnsafeRawBufferPointer, _ end: UnsafeRawBufferPointer) {
    rocksdb_writebatch_delete_range(handle, start.characters, start.count, end.characters, end.count)
  }

  /// Says what is changed, for `ChangeMarks`.
  public func mark(_ mark: UInt64) { marks.insert(mark) }

  public func clear() {
    if let held {
      rocksdb_writebatch_clear(held)
      self.held = nil
      Transaction.spare.withLock { $0.append(UInt(bitPattern: held)) }
    }
    marks.removeAll(keepingCapacity: true)
  }

  /// Operations so far.
  public var count: Int { held.map { Int(rocksdb_writebatch_count($0)) } ?? 0 }

  /// Bytes the batch takes in memory and in the write-ahead log.
  public var byteCount: Int {
    guard let held else { return 0 }
    var size = 0
    _ = rocksdb_writebatch_data(held, &size)
    return size
  }
}

extension UnsafeRawBufferPointer {
  /// C's view of the bytes. RocksDB does not read behind it when the length is 0, but wants it not to be nil.
  var characters: UnsafePointer<CChar> {
    guard let baseAddress else { return emptyCharacters }
    return baseAddress.assumingMemoryBound(to: CChar.self)
  }
}

nonisolated(unsafe) private let emptyCharacters = UnsafePointer(UnsafeMutablePointer<CChar>.allocate(capacity: 1))
