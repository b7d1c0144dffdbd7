import Basics
import Stores

/// Keys of users to be read in one call.
final class LookupBuffer {
  private static let keyBytes = 17
  private var keys = ByteWriter(capacity: 4_096)
  private var wanted: [(key: Key128, slot: Int32)] = []

  func clear() { wanted.removeAll(keepingCapacity: true) }

  func add(_ key: Key128, _ slot: Int32) { wanted.append((key, slot)) }

  /// Calls `found` for every key that has a value. Keys are read in their order, 4,096 at a time.
  func read(
    from store: Store, _ found: (_ slot: Int32, _ value: UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    guard !wanted.isEmpty else { return }
    wanted.sort { $0.key < $1.key }
    var start = 0
    while start < wanted.count {
      let count = min(4_096, wanted.count - start)
      try read(start, count, from: store, found)
      start += count
    }
  }

  private func read(
    _ start: Int, _ count: Int, from store: Store,
    _ found: (_ slot: Int32, _ value: UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    keys.clear()
    for index in start..<start + count { KeyLayout.user(wanted[index].key, into: &keys) }
    let base = keys.bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
    let pointers = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: count)
    let lengths = UnsafeMutablePointer<Int>.allocate(capacity: count)
    defer {
      pointers.deallocate()
      lengths.deallocate()
    }
    for index in 0..<count {
      pointers[index] = base + index * LookupBuffer.keyBytes
      lengths[index] = LookupBuffer.keyBytes
    }
    var failure: Failure?
    try store.multiGet(count: count, keys: pointers, lengths: lengths) { index, value in
      guard failure == nil else { return }
      do throws(Failure) {
        try found(wanted[start + index].slot, value)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }
}
