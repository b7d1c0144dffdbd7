import Basics
import CRocksDB
import Glibc
import Synchronization

extension Store {
  /// Writes all of it or nothing, and empties the transaction. One thread at a time: the partition's.
  ///
  /// What would fill a table of its own is written as one and handed to RocksDB, which would otherwise write it to its log, sort
  /// it in memory and write it again.
  public func commit(_ transaction: Transaction) throws(Failure) {
    let marks = transaction.marks
    changes.begin(marks)
    // Also of one that failed: nobody knows what of it is there.
    defer { changes.end(marks) }
    let gathered = transaction.changes
    if gathered.bytes.count >= tableBytes, mayAddTable, let order = gathered.tableOrder() {
      try writeTable(gathered, order)
    } else {
      try writeBatch(gathered)
    }
    transaction.clear()
  }

  /// RocksDB holds up whoever writes faster than it compacts, but not whoever brings tables.
  private var mayAddTable: Bool {
    guard let text = rocksdb_property_value(database, "rocksdb.num-files-at-level0") else { return false }
    defer { rocksdb_free(text) }
    return Int(String(cString: text)).map { $0 < Store.level0Files } ?? false
  }

  private func writeBatch(_ changes: Changes) throws(Failure) {
    let batch = rocksdb_writebatch_create()!
    defer { rocksdb_writebatch_destroy(batch) }
    for change in changes.list {
      let key = changes.key(change)
      let value = changes.value(change)
      switch change.kind {
      case .put: rocksdb_writebatch_put(batch, key.characters, key.count, value.characters, value.count)
      case .merge: rocksdb_writebatch_merge(batch, key.characters, key.count, value.characters, value.count)
      case .delete: rocksdb_writebatch_delete(batch, key.characters, key.count)
      case .deleteRange:
        rocksdb_writebatch_delete_range(batch, key.characters, key.count, value.characters, value.count)
      }
    }
    hasLogged.store(true, ordering: .relaxed)
    try checked(path) { rocksdb_write(database, writeOptions, batch, $0) }
  }

  private func writeTable(_ changes: Changes, _ order: [Int32]) throws(Failure) {
    // A table is on the disk at once, the log some time later: a machine that fails must not keep this commit without those before.
    if hasLogged.load(ordering: .relaxed) {
      try flush()
      hasLogged.store(false, ordering: .relaxed)
    }
    defer { unlink(tablePath) }
    let isDirect = writesDirectly.load(ordering: .relaxed)
    do throws(Failure) {
      try checked(path) { write(changes, order, isDirect, $0) }
    } catch {
      guard isDirect else { throw error }
      // Not every file system can be written to past the page cache.
      try checked(path) { write(changes, order, false, $0) }
      writesDirectly.store(false, ordering: .relaxed)
    }
    let options = rocksdb_ingestexternalfileoptions_create()
    defer { rocksdb_ingestexternalfileoptions_destroy(options) }
    rocksdb_ingestexternalfileoptions_set_move_files(options, 1)
    try checked(path) { error in
      tablePath.withCString { file in
        var files: UnsafePointer<CChar>? = file
        rocksdb_ingest_external_file(database, &files, 1, options, error)
      }
    }
  }

  private func write(
    _ changes: Changes, _ order: [Int32], _ isDirect: Bool,
    _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  ) {
    let writer = table_writer_create(
      tablePath, isDirect, Store.blockBytes, Store.filterBits, UInt32(Store.formatVersion), error)
    guard let writer else { return }
    defer { table_writer_destroy(writer) }
    for index in order {
      let change = changes.list[Int(index)]
      let key = changes.key(change)
      let value = changes.value(change)
      switch change.kind {
      case .put: table_writer_put(writer, key.characters, key.count, value.characters, value.count, error)
      case .merge: table_writer_merge(writer, key.characters, key.count, value.characters, value.count, error)
      case .delete: table_writer_delete(writer, key.characters, key.count, error)
      case .deleteRange:
        table_writer_delete_range(writer, key.characters, key.count, value.characters, value.count, error)
      }
      if error.pointee != nil { return }
    }
    table_writer_finish(writer, error)
  }
}
