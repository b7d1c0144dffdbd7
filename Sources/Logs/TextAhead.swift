/// Text that was read but not yet used, first in, first out.
struct TextAhead: ~Copyable {
  private var room = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
  private var start = 0
  private var end = 0

  deinit { room.deallocate() }

  var isEmpty: Bool { start == end }

  /// Moves up to `target.count` bytes out.
  mutating func take(into target: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(end - start, target.count)
    target.copyMemory(from: UnsafeRawBufferPointer(rebasing: room[start..<start + count]))
    start += count
    return count
  }

  /// Puts bytes before all others. Those that were just taken from here go back where they were.
  mutating func putBack(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 0 else { return }
    if start < bytes.count {
      let waiting = end - start
      let capacity = max(room.count, bytes.count + waiting)
      let moved = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
      UnsafeMutableRawBufferPointer(rebasing: moved[(capacity - waiting)...])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: room[start..<end]))
      room.deallocate()
      room = moved
      start = capacity - waiting
      end = capacity
    }
    start -= bytes.count
    UnsafeMutableRawBufferPointer(rebasing: room[start..<start + bytes.count]).copyMemory(from: bytes)
  }
}
