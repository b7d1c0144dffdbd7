import Basics
import Glibc

/// Memory of the many small lists users have: sizes are powers of two, what was given back is given out again, and all of it
/// goes at once with the pool.
///
/// malloc would lock, and keep a header before and a walk through the heap behind every list.
final class ListPool {
  private static let smallest = 32
  /// Lists beyond are malloc's: few users have one.
  private static let classes = 12
  /// A huge page: these lists are nearly all of the memory users take, and touched a piece at a time.
  private static let chunkBytes = 2 << 20

  private var free = [UnsafeMutableRawPointer?](repeating: nil, count: ListPool.classes)
  private var chunks: [(memory: UnsafeMutablePointer<UInt8>, bytes: Int)] = []
  private var used = 0
  private var large: Set<UnsafeMutableRawPointer> = []
  /// Bytes given out, as rounded up.
  private(set) var byteCount = 0

  /// A pool with all that this one had, and this one empty: it goes on under its name.
  func takeAll() -> ListPool {
    let other = ListPool()
    swap(&free, &other.free)
    swap(&chunks, &other.chunks)
    swap(&used, &other.used)
    swap(&large, &other.large)
    swap(&byteCount, &other.byteCount)
    return other
  }

  deinit {
    for chunk in chunks { Memory.deallocate(chunk.memory, chunk.bytes) }
    for list in large { Glibc.free(list) }
  }

  private static func classOf(_ bytes: Int) -> Int {
    bytes <= smallest ? 0 : (Int.bitWidth - (bytes - 1).leadingZeroBitCount) - 5
  }

  /// At least so many bytes, aligned to 16, uninitialized.
  func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
    let index = ListPool.classOf(bytes)
    guard index < ListPool.classes else {
      guard let list = malloc(bytes) else { fatalError("no memory for \(bytes) bytes") }
      large.insert(list)
      byteCount += bytes
      return list
    }
    let size = ListPool.smallest << index
    byteCount += size
    if let list = free[index] {
      free[index] = list.load(as: UnsafeMutableRawPointer?.self)
      return list
    }
    if chunks.isEmpty || used + size > chunks[chunks.count - 1].bytes { addChunk(size) }
    used += size
    return UnsafeMutableRawPointer(chunks[chunks.count - 1].memory + (used - size))
  }

  /// `bytes` as they were asked for.
  func deallocate(_ list: UnsafeMutableRawPointer, _ bytes: Int) {
    let index = ListPool.classOf(bytes)
    guard index < ListPool.classes else {
      large.remove(list)
      byteCount -= bytes
      Glibc.free(list)
      return
    }
    byteCount -= ListPool.smallest << index
    list.storeBytes(of: free[index], as: UnsafeMutableRawPointer?.self)
    free[index] = list
  }

  /// Room for `new` bytes with the first `kept` ones of the old list, which is given back.
  func grow(_ list: UnsafeMutableRawPointer?, from old: Int, to new: Int, keeping kept: Int) -> UnsafeMutableRawPointer
  {
    let moved = allocate(new)
    if let list {
      moved.copyMemory(from: list, byteCount: kept)
      deallocate(list, old)
    }
    return moved
  }

  private func addChunk(_ size: Int) {
    // A store with a handful of users should not cost a megabyte, so there is at most as much again as is used.
    let bytes = max(size, min(max(chunks.reduce(0) { $0 + $1.bytes }, 64 << 10), ListPool.chunkBytes))
    chunks.append((Memory.allocate(bytes), bytes))
    used = 0
  }
}
