import CMemory
import Glibc
import Synchronization

/// Memory of a column or a table that grows: plain values, no initialization, no destruction.
///
/// Large ones are mapped by themselves. From 4 MiB on, growing moves page tables, not bytes, unless memory that was used before
/// is spare; pages are touched when they are used, not when they are set aside; fresh ones are zero without anybody clearing
/// them; and huge pages spare the misses of random access. malloc would copy, and fault every page in again at each doubling.
public enum Memory {
  private static let mappedBytes = 1 << 20
  private static let hugeBytes = 2 << 20

  /// Mappings that were given back, for whoever asks next: a fresh one is faulted in page by page, and giving one back
  /// interrupts every core. Tables double, so what one partition outgrew fits another, or becomes lists of users.
  private static let spare = Mutex(Spare())
  private static let pageBytes = 4 << 10

  private struct Spare: @unchecked Sendable {
    var limit = 64 << 20
    // Addresses nobody uses; whoever takes one under the lock owns it.
    var mappings: [(memory: UnsafeMutableRawPointer, bytes: Int)] = []
    var bytes = 0

    /// What is left of it must not be too small for anybody.
    func fits(_ mapping: Int, _ size: Int) -> Bool { mapping == size || mapping >= size + Memory.mappedBytes }

    /// The smallest that is large enough. What is left of it stays.
    mutating func take(_ size: Int) -> UnsafeMutableRawPointer? {
      var best: Int?
      for (index, mapping) in mappings.enumerated() where fits(mapping.bytes, size) {
        if best.map({ mapping.bytes < mappings[$0].bytes }) ?? true { best = index }
      }
      guard let best else { return nil }
      let found = mappings[best]
      bytes -= size
      if found.bytes == size {
        mappings.remove(at: best)
      } else {
        mappings[best] = (found.memory + size, found.bytes - size)
      }
      return found.memory
    }

    /// Together with what lies beside it, or pieces would become ever smaller.
    mutating func keep(_ memory: UnsafeMutableRawPointer, _ size: Int) -> Bool {
      guard bytes + size <= limit else { return false }
      bytes += size
      var kept = (memory: memory, bytes: size)
      mappings.removeAll { other in
        let isBefore = other.memory + other.bytes == kept.memory
        guard isBefore || kept.memory + kept.bytes == other.memory else { return false }
        kept = (isBefore ? other.memory : kept.memory, kept.bytes + other.bytes)
        return true
      }
      mappings.append(kept)
      return true
    }
  }

  private static func hasSpare(_ size: Int) -> Bool {
    spare.withLock { spare in spare.mappings.contains { spare.fits($0.bytes, size) } }
  }

  private static func wholePages(_ bytes: Int) -> Int { (bytes + pageBytes - 1) & ~(pageBytes - 1) }

  /// Uninitialized, except that `zeroed` memory is 0.
  ///
  /// - `sparse`: only parts of it will be used, so what nobody touches should cost nothing.
  public static func allocate<T: BitwiseCopyable>(
    _ capacity: Int, of type: T.Type = T.self, zeroed: Bool = false, sparse: Bool = false
  ) -> UnsafeMutablePointer<T> {
    let bytes = max(capacity, 1) * MemoryLayout<T>.stride
    let memory: UnsafeMutableRawPointer? =
      if bytes >= mappedBytes { map(bytes, zeroed: zeroed, sparse: sparse) } else if zeroed { calloc(bytes, 1) } else {
        malloc(bytes)
      }
    guard let memory else { fatalError("no memory for \(bytes) bytes") }
    return memory.bindMemory(to: T.self, capacity: capacity)
  }

  /// Keeps what both sizes hold. `capacity` is what `memory` was last given.
  public static func resize<T: BitwiseCopyable>(
    _ memory: inout UnsafeMutablePointer<T>, from capacity: Int, to larger: Int
  ) {
    let old = max(capacity, 1) * MemoryLayout<T>.stride
    let new = max(larger, 1) * MemoryLayout<T>.stride
    // What is small is copied to where huge pages fit; what is large keeps its pages, unless others have been used already.
    if old >= hugeBytes * 2, new >= mappedBytes, new < old || !hasSpare(wholePages(new)) {
      // The system refuses what was put together from several mappings: that is copied, too.
      if let moved = memory_remap(memory, old, new) {
        if new >= hugeBytes { madvise(moved, new, MADV_HUGEPAGE) }
        memory = moved.bindMemory(to: T.self, capacity: larger)
        return
      }
    }
    let moved = allocate(larger, of: T.self)
    moved.update(from: memory, count: min(capacity, larger))
    deallocate(memory, capacity)
    memory = moved
  }

  public static func deallocate<T: BitwiseCopyable>(_ memory: UnsafeMutablePointer<T>, _ capacity: Int) {
    let bytes = max(capacity, 1) * MemoryLayout<T>.stride
    guard bytes >= mappedBytes else { return free(memory) }
    // An address, since a pointer cannot be handed to the lock's closure.
    let address = UInt(bitPattern: memory)
    let isKept = spare.withLock { $0.keep(UnsafeMutableRawPointer(bitPattern: address)!, wholePages(bytes)) }
    if !isKept { munmap(memory, bytes) }
  }

  /// Keeps up to so many bytes of large tables that were given back, and never less than before.
  public static func keepSpare(_ bytes: Int) { spare.withLock { $0.limit = max($0.limit, bytes) } }

  /// Asks for the cache line of an address and does not wait for it, so that those of a batch come side by side.
  @inlinable @inline(__always) public static func prefetch(_ address: UnsafeRawPointer) { memory_prefetch(address) }

  private static func map(_ bytes: Int, zeroed: Bool, sparse: Bool) -> UnsafeMutableRawPointer? {
    let address = sparse ? nil : spare.withLock { spare in spare.take(wholePages(bytes)).map { UInt(bitPattern: $0) } }
    if let address, let memory = UnsafeMutableRawPointer(bitPattern: address) {
      if zeroed { memset(memory, 0, bytes) }
      return memory
    }
    guard let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      memory != MAP_FAILED
    else { return nil }
    if bytes >= hugeBytes { madvise(memory, bytes, MADV_HUGEPAGE) }
    // A table is read before it is written: page by page that is two faults, the second of which interrupts every core.
    // Kernels before 5.14 refuse, and fault.
    if zeroed, !sparse { madvise(memory, bytes, MADV_POPULATE_WRITE) }
    return memory
  }
}
