import Basics
import CRocksDB

/// Changes that become visible together or not at all: `rocksdb_writebatch_t`. Reused after `Store.commit`.
public final class Transaction {
  let handle: OpaquePointer
  /// What is changed, as far as somebody wants to know later whether it was.
  private(set) var marks: Set<UInt64> = []

  public init() { handle = rocksdb_writebatch_create() }
  deinit { rocksdb_writebatch_destroy(handle) }

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
    rocksdb_writebatch_clear(handle)
    marks.removeAll(keepingCapacity: true)
  }

  /// Operations so far.
  public var count: Int { Int(rocksdb_writebatch_count(handle)) }

  /// Bytes the batch takes in memory and in the write-ahead log.
  public var byteCount: Int {
    var size = 0
    _ = rocksdb_writebatch_data(handle, &size)
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
