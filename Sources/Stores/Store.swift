import Basics
import CRocksDB
import Glibc
import Synchronization

/// One RocksDB with one key space. What is committed survives the process, not necessarily the machine: the log does.
///
/// Thread safety: RocksDB's handles may be used from any thread; everything here is immutable after `init`. That is the
/// proof behind `@unchecked Sendable`.
public final class Store: @unchecked Sendable {
  public struct Options {
    public var budget: MemoryBudget
    /// How many stores share the budget.
    public var stores: Int
    public var merging: (any Merging)?
    /// In RocksDB's memory environment: for tests, and nothing else.
    public var inMemory = false
    public var readOnly = false
    /// A commit of so many bytes is written as a table; nil for half of what RocksDB gathers before it writes one.
    public var tableBytes: Int?

    public init(budget: MemoryBudget, stores: Int, merging: (any Merging)? = nil) {
      self.budget = budget
      self.stores = stores
      self.merging = merging
    }
  }

  public let path: String
  /// Given to no other store of this process.
  let number: UInt64
  private static let numbers = Atomic<UInt64>(0)
  /// What RocksDB gathers in memory before it writes a file; it may hold two of them.
  public let writeBufferBytes: Int
  let database: OpaquePointer
  private let options: OpaquePointer
  private let tableOptions: OpaquePointer
  private let environment: OpaquePointer?
  let writeOptions: OpaquePointer
  private let readOptions: OpaquePointer
  // RocksDB refers to the budget's cache for as long as it is open.
  let budget: MemoryBudget
  let changes = ChangeLog()
  /// A commit of so many bytes is written as a table, which has this name until RocksDB has it.
  let tableBytes: Int
  let tablePath: String
  /// A commit went to RocksDB's log since what is in memory was last known to be in files.
  let hasLogged = Atomic<Bool>(true)
  /// Tables are written past the page cache; false once the file system has refused that.
  let writesDirectly = Atomic<Bool>(true)

  static let blockBytes = 16 << 10
  static let filterBits = 10.0
  static let formatVersion: Int32 = 5
  /// With so many files that nobody compacted RocksDB begins to hold writers up.
  static let level0Files = 20

  public init(path: String, _ settings: Options) throws(Failure) {
    self.path = path
    budget = settings.budget
    options = rocksdb_options_create()
    rocksdb_options_set_create_if_missing(options, 1)
    writeBufferBytes = settings.budget.writeBuffer(stores: settings.stores)
    rocksdb_options_set_write_buffer_size(options, writeBufferBytes)
    rocksdb_options_set_level0_slowdown_writes_trigger(options, Int32(Store.level0Files))
    tablePath = "\(path)/commit.table"
    tableBytes = settings.inMemory ? .max : settings.tableBytes ?? writeBufferBytes / 2
    rocksdb_options_set_max_write_buffer_number(options, 2)
    rocksdb_options_set_compression(options, Int32(rocksdb_lz4_compression))
    // What memory is flushed to is soon compacted into what is compressed.
    var levels = [Int32(rocksdb_no_compression), Int32(rocksdb_lz4_compression)]
    rocksdb_options_set_compression_per_level(options, &levels, levels.count)
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1)
    // A compaction adds cells up: with twice as many files at once, half as often.
    rocksdb_options_set_level0_file_num_compaction_trigger(options, 8)
    rocksdb_options_set_max_background_jobs(options, 2)
    rocksdb_options_set_max_open_files(options, Store.openFiles(stores: settings.stores))
    // By default sixteen threads are begun for each store, whether or not there is anything to open.
    rocksdb_options_set_max_file_opening_threads(options, 4)
    rocksdb_options_set_keep_log_file_num(options, 2)
    rocksdb_options_set_max_log_file_size(options, 1 << 20)
    rocksdb_options_set_info_log_level(options, 2)

    tableOptions = rocksdb_block_based_options_create()
    rocksdb_block_based_options_set_block_cache(tableOptions, settings.budget.cache)
    // Index and filter blocks count against the cache, or memory grows with the state.
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(tableOptions, 1)
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(tableOptions, 1)
    rocksdb_block_based_options_set_filter_policy(
      tableOptions, rocksdb_filterpolicy_create_bloom_full(Store.filterBits))
    rocksdb_block_based_options_set_block_size(tableOptions, Store.blockBytes)
    rocksdb_block_based_options_set_format_version(tableOptions, Store.formatVersion)
    rocksdb_options_set_block_based_table_factory(options, tableOptions)
    if let merging = settings.merging {
      rocksdb_options_set_merge_operator(options, MergeOperator.make(merging))
    }
    environment = settings.inMemory ? rocksdb_create_mem_env() : nil
    if let environment { rocksdb_options_set_env(options, environment) }

    // Not synced: losing the tail of the state only means re-reading the tail of the log.
    writeOptions = rocksdb_writeoptions_create()
    readOptions = rocksdb_readoptions_create()
    let handle: OpaquePointer?
    do throws(Failure) {
      let options = options
      handle = try checked(path) { error in
        settings.readOnly
          ? rocksdb_open_for_read_only(options, path, 0, error) : rocksdb_open(options, path, error)
      }
    } catch {
      rocksdb_writeoptions_destroy(writeOptions)
      rocksdb_readoptions_destroy(readOptions)
      rocksdb_options_destroy(options)
      rocksdb_block_based_options_destroy(tableOptions)
      if let environment { rocksdb_env_destroy(environment) }
      throw error
    }
    database = handle!
    // Of a process that died over it.
    if !settings.readOnly { unlink(tablePath) }
    number = Store.numbers.add(1, ordering: .relaxed).newValue
  }

  /// Half of the process's open files, shared: the other half is for the log, inputs and connections.
  private static func openFiles(stores: Int) -> Int32 {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 64 }
    return Int32(min(max(Int(clamping: limit.rlim_cur) / 2 / max(stores, 1), 32), 4_096))
  }

  deinit {
    rocksdb_close(database)
    rocksdb_writeoptions_destroy(writeOptions)
    rocksdb_readoptions_destroy(readOptions)
    rocksdb_options_destroy(options)
    rocksdb_block_based_options_destroy(tableOptions)
    if let environment { rocksdb_env_destroy(environment) }
  }

  public func get(_ key: UnsafeRawBufferPointer) throws(Failure) -> StoredBytes? {
    var length = 0
    let value = try checked(path) {
      rocksdb_get(database, readOptions, key.characters, key.count, &length, $0)
    }
    return value.map { StoredBytes($0, length) }
  }

  /// Looks many keys up at once; `found` is called for those that exist, with the key's index.
  ///
  /// Sorted keys are read faster.
  public func multiGet(
    count: Int, keys: UnsafePointer<UnsafePointer<CChar>?>, lengths: UnsafePointer<Int>,
    found: (_ index: Int, _ value: UnsafeRawBufferPointer) -> Void
  ) throws(Failure) {
    guard count > 0 else { return }
    let values = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: count)
    let sizes = UnsafeMutablePointer<Int>.allocate(capacity: count)
    let errors = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: count)
    defer {
      values.deallocate()
      sizes.deallocate()
      errors.deallocate()
    }
    rocksdb_multi_get(database, readOptions, count, keys, lengths, values, sizes, errors)
    var first: Failure?
    for index in 0..<count {
      if let error = errors[index] {
        let said = failure(path, error)
        if first == nil { first = said }
      } else if let value = values[index] {
        if first == nil { found(index, UnsafeRawBufferPointer(start: value, count: sizes[index])) }
        rocksdb_free(value)
      }
    }
    if let first { throw first }
  }

  public func snapshot() -> Snapshot { Snapshot(of: self) }

  /// Writes what is in memory to files. Not needed for correctness: reopening replays the write-ahead log.
  public func flush() throws(Failure) {
    let flushOptions = rocksdb_flushoptions_create()
    defer { rocksdb_flushoptions_destroy(flushOptions) }
    try checked(path) { rocksdb_flush(database, flushOptions, $0) }
  }

  /// A hard-linked copy of the present state in a new directory.
  public func checkpoint(to directory: String) throws(Failure) {
    let checkpoint = try checked(path) { rocksdb_checkpoint_object_create(database, $0) }
    defer { rocksdb_checkpoint_object_destroy(checkpoint) }
    try checked(path) { rocksdb_checkpoint_create(checkpoint, directory, 0, $0) }
  }
}

/// A value RocksDB allocated; freed with it.
public struct StoredBytes: ~Copyable {
  private let start: UnsafeMutablePointer<CChar>
  public let count: Int

  init(_ start: UnsafeMutablePointer<CChar>, _ count: Int) {
    self.start = start
    self.count = count
  }

  deinit { rocksdb_free(start) }

  /// Valid while this value lives.
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }
}
