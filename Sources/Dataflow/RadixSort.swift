import Basics

/// Sorts whole numbers by counting digits: linear, without comparisons, stable.
///
/// The scratch grows to the largest input and is kept, so that sorting at every commit allocates nothing.
final class RadixSort {
  private static let digitBits = 11
  private static let digits = 1 << digitBits

  private let counts: UnsafeMutablePointer<Int32>
  private var keys: UnsafeMutablePointer<UInt64>
  private var values: UnsafeMutablePointer<Int64>
  private var keyCapacity = 1
  private var valueCapacity = 1

  init() {
    counts = .allocate(capacity: RadixSort.digits)
    keys = Memory.allocate(keyCapacity)
    values = Memory.allocate(valueCapacity)
  }

  deinit {
    counts.deallocate()
    Memory.deallocate(keys, keyCapacity)
    Memory.deallocate(values, valueCapacity)
  }

  var byteCount: Int { RadixSort.digits * 4 + keyCapacity * 8 + valueCapacity * 8 }

  /// Sorts by key; `values` move with their keys. Digits all keys agree on cost nothing.
  func sort(_ keys: UnsafeMutablePointer<UInt64>, _ values: UnsafeMutablePointer<Int64>? = nil, count: Int) {
    guard count > 1 else { return }
    var different: UInt64 = 0
    var isSorted = true
    for index in 1..<count {
      different |= keys[index] ^ keys[0]
      isSorted = isSorted && keys[index - 1] <= keys[index]
    }
    if isSorted { return }
    if count <= 32 { return insert(keys, values, count) }
    reserve(count, hasValues: values != nil)
    var from = (keys: keys, values: values)
    var to = (keys: self.keys, values: values == nil ? nil : Optional(self.values))
    var shift = different.trailingZeroBitCount
    while shift < 64, different >> UInt64(shift) != 0 {
      let bits = RadixSort.digitBits
      pass(from, to, count, UInt64(shift))
      swap(&from, &to)
      shift += bits
      if shift < 64 { shift += (different >> UInt64(shift)).trailingZeroBitCount }
    }
    guard from.keys != keys else { return }
    keys.update(from: from.keys, count: count)
    if let values { values.update(from: from.values!, count: count) }
  }

  private typealias Column = (keys: UnsafeMutablePointer<UInt64>, values: UnsafeMutablePointer<Int64>?)

  private func pass(_ from: Column, _ to: Column, _ count: Int, _ shift: UInt64) {
    let mask = UInt64(RadixSort.digits - 1)
    counts.initialize(repeating: 0, count: RadixSort.digits)
    for index in 0..<count { counts[Int(truncatingIfNeeded: from.keys[index] >> shift & mask)] &+= 1 }
    var start: Int32 = 0
    for digit in 0..<RadixSort.digits {
      let here = counts[digit]
      counts[digit] = start
      start &+= here
    }
    if let fromValues = from.values, let toValues = to.values {
      for index in 0..<count {
        let key = from.keys[index]
        let digit = Int(truncatingIfNeeded: key >> shift & mask)
        let at = Int(counts[digit])
        counts[digit] &+= 1
        to.keys[at] = key
        toValues[at] = fromValues[index]
      }
    } else {
      for index in 0..<count {
        let key = from.keys[index]
        let digit = Int(truncatingIfNeeded: key >> shift & mask)
        let at = Int(counts[digit])
        counts[digit] &+= 1
        to.keys[at] = key
      }
    }
  }

  /// A few keys: counting would look at more digits than there are keys.
  private func insert(
    _ keys: UnsafeMutablePointer<UInt64>, _ values: UnsafeMutablePointer<Int64>?, _ count: Int
  ) {
    for index in 1..<count {
      let key = keys[index]
      let value = values?[index] ?? 0
      var at = index
      while at > 0, keys[at - 1] > key {
        keys[at] = keys[at - 1]
        if let values { values[at] = values[at - 1] }
        at -= 1
      }
      keys[at] = key
      values?[at] = value
    }
  }

  private func reserve(_ count: Int, hasValues: Bool) {
    precondition(count <= Int(Int32.max), "\(count) keys are more than 32 bits count")
    if count > keyCapacity {
      Memory.resize(&keys, from: keyCapacity, to: max(count, keyCapacity * 2))
      keyCapacity = max(count, keyCapacity * 2)
    }
    if hasValues, count > valueCapacity {
      Memory.resize(&values, from: valueCapacity, to: max(count, valueCapacity * 2))
      valueCapacity = max(count, valueCapacity * 2)
    }
  }
}
