import Basics
import CRocksDB

/// The store as it was at one moment. Readers on any thread use it while writing goes on.
public final class Snapshot: @unchecked Sendable {
  // Immutable after init; RocksDB snapshots and read options may be read from any thread.
  private let store: Store
  private let snapshot: OpaquePointer
  private let readOptions: OpaquePointer
  /// What had changed by then.
  public let marks: ChangeMarks
  /// Where what is made of the store's bytes may be kept.
  public var cache: ByteCache { store.budget.answers }

  /// Of the store, and of no other this process ever opens.
  public var storeNumber: UInt64 { store.number }

  init(of store: Store) {
    self.store = store
    var made: OpaquePointer?
    marks = store.changes.capture { made = rocksdb_create_snapshot(store.database) }
    snapshot = made!
    readOptions = rocksdb_readoptions_create()
    rocksdb_readoptions_set_snapshot(readOptions, snapshot)
  }

  deinit {
    rocksdb_readoptions_destroy(readOptions)
    rocksdb_release_snapshot(store.database, snapshot)
  }

  public func get(_ key: UnsafeRawBufferPointer) throws(Failure) -> StoredBytes? {
    var length = 0
    let value = try checked(store.path) {
      rocksdb_get(store.database, readOptions, key.characters, key.count, &length, $0)
    }
    return value.map { StoredBytes($0, length) }
  }

  /// Calls `body` for start <= key < end in key order until it returns false. Key and value are valid during the call.
  ///
  /// - `wanted`: what is wanted of values that have to be merged; nil for all of it. Others are whole all the same.
  public func scan(
    from start: UnsafeRawBufferPointer, to end: UnsafeRawBufferPointer, wanted: WantedParts? = nil,
    _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(Failure) -> Bool
  ) throws(Failure) {
    let options = rocksdb_readoptions_create()
    defer { rocksdb_readoptions_destroy(options) }
    rocksdb_readoptions_set_snapshot(options, snapshot)
    rocksdb_readoptions_set_iterate_upper_bound(options, end.characters, end.count)
    guard let cursor = rocksdb_create_iterator(store.database, options) else {
      preconditionFailure("rocksdb_create_iterator returned nothing")
    }
    defer { rocksdb_iter_destroy(cursor) }
    // Only while RocksDB merges: `body` may read, too.
    func merging(_ move: () -> Void) {
      merge_set_wanted(wanted.map { Unmanaged.passUnretained($0).toOpaque() })
      move()
      merge_set_wanted(nil)
    }
    merging { rocksdb_iter_seek(cursor, start.characters, start.count) }
    while rocksdb_iter_valid(cursor) != 0 {
      var keyLength = 0
      var valueLength = 0
      let key = rocksdb_iter_key(cursor, &keyLength)
      let value = rocksdb_iter_value(cursor, &valueLength)
      let more = try body(
        UnsafeRawBufferPointer(start: key, count: keyLength), UnsafeRawBufferPointer(start: value, count: valueLength))
      if !more { return }
      merging { rocksdb_iter_next(cursor) }
    }
    try checked(store.path) { rocksdb_iter_get_error(cursor, $0) }
  }
}
