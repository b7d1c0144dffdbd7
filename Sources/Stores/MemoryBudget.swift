import Basics
import CRocksDB

/// The process's one promise about memory, divided once: a block cache shared by all stores, their write buffers, and what
/// the operators may keep (ids, users, open cells).
///
/// - Shape: of `bytes`, 1/8 block cache, 1/8 write buffers, 1/2 operators, 1/16 cells that answers were put
///   together from, 1/32 (64 to 256 MiB) tables that one partition gave back and another will take; the rest is left to
///   buffers of the log, decoding, queries, and the allocator.
public final class MemoryBudget: @unchecked Sendable {
  // Immutable after init, and RocksDB's cache is thread-safe.
  public let bytes: Int
  let cache: OpaquePointer
  let answers: ByteCache

  public init(bytes: Int) {
    self.bytes = max(bytes, 64 << 20)
    cache = rocksdb_cache_create_lru(self.bytes / 8)
    answers = ByteCache(bytes: self.bytes / 16)
    Memory.keepSpare(min(self.bytes / 32, 256 << 20))
  }

  deinit { rocksdb_cache_destroy(cache) }

  /// The write buffer of one of `stores` open stores; RocksDB holds up to two of them.
  func writeBuffer(stores: Int) -> Int {
    min(max(bytes / 16 / max(stores, 1), 1 << 20), 16 << 20)
  }

  /// What the operators of one of `partitions` partitions may keep in memory.
  public func operatorBytes(partitions: Int) -> Int { bytes / 2 / max(partitions, 1) }

  /// Bytes in the block cache now.
  public var cacheBytes: Int { Int(rocksdb_cache_get_usage(cache)) }
}
