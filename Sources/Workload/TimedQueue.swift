/// Elements by time, earliest first; those of one millisecond in the order they came.
///
/// A binary heap over small keys; the elements stay where they are put. Order within a millisecond is kept for 65,536
/// elements and is merely repeatable beyond that.
struct TimedQueue<Element: BitwiseCopyable> {
  private struct Entry: BitwiseCopyable {
    /// Milliseconds UTC << 16 | the low bits of the sequence number.
    var key: UInt64
    var slot: Int
  }

  private var heap: [Entry] = []
  private var elements: [Element] = []
  private var free: [Int] = []
  private var sequence: UInt64 = 0

  var count: Int { heap.count }

  /// `Int64.max` when empty.
  var firstTime: Int64 { heap.isEmpty ? .max : Int64(heap[0].key >> 16) }

  mutating func insert(_ element: Element, at time: Int64) {
    let slot: Int
    if let last = free.popLast() {
      slot = last
      elements[slot] = element
    } else {
      slot = elements.count
      elements.append(element)
    }
    let entry = Entry(key: key(time), slot: slot)
    heap.append(entry)
    heap.withUnsafeMutableBufferPointer { heap in
      var hole = heap.count - 1
      while hole > 0 {
        let parent = (hole - 1) / 2
        guard entry.key < heap[parent].key else { break }
        heap[hole] = heap[parent]
        hole = parent
      }
      heap[hole] = entry
    }
  }

  /// The earliest element, which stays. The queue is not empty.
  var first: Element { elements[heap[0].slot] }

  mutating func removeFirst() {
    free.append(heap[0].slot)
    let last = heap.removeLast()
    if !heap.isEmpty { settle(last) }
  }

  /// Puts `element` in place of the earliest one.
  mutating func replaceFirst(with element: Element, at time: Int64) {
    let slot = heap[0].slot
    elements[slot] = element
    settle(Entry(key: key(time), slot: slot))
  }

  private mutating func key(_ time: Int64) -> UInt64 {
    sequence &+= 1
    return UInt64(time) << 16 | sequence & 0xffff
  }

  /// Sinks `entry` from the top.
  private mutating func settle(_ entry: Entry) {
    heap.withUnsafeMutableBufferPointer { heap in
      var hole = 0
      while true {
        var child = hole * 2 + 1
        guard child < heap.count else { break }
        if child + 1 < heap.count, heap[child + 1].key < heap[child].key { child += 1 }
        guard heap[child].key < entry.key else { break }
        heap[hole] = heap[child]
        hole = child
      }
      heap[hole] = entry
    }
  }
}
