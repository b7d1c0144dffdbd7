import Basics

/// Sorts whole numbers by counting digits: linear, without comparisons, stable.
///
/// The scratch grows to the largest input and is kept, so that sorting at every commit allocates nothing.
final class RadixSort {
  private static let digitBits = 11
  private static let digits = 1 << digitBits
  /// So many are compared, not counted: there would be more digits to look at than keys.
  private static let few = 32

  private let counts: UnsafeMutablePointer<Int32>
  private var keys: UnsafeMutablePointer<UInt64>
  private var values: UnsafeMutablePointer<Int64>
  private var keyCapacity = 1
  private var valueCapacity = 1
  /// By group, where its keys go.
  private var places: UnsafeMutablePointer<Int32>
  private var placeCapacity = 1

  init() {
    counts = .allocate(capacity: RadixSort.digits)
    keys = Memory.allocate(keyCapacity)
    values = Memory.allocate(valueCapacity)
    places = Memory.allocate(placeCapacity)
  }

  deinit {
    counts.deallocate()
    Memory.deallocate(keys, keyCapacity)
    Memory.deallocate(values, valueCapacity)
    Memory.deallocate(places, placeCapacity)
  }

  var byteCount: Int { RadixSort.digits * 4 + keyCapacity * 8 + valueCapacity * 8 + placeCapacity * 4 }

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
    if count <= RadixSort.few { return insert(keys, values, count) }
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

  /// Sorts by key as `sort` does, for keys whose upper half is one of `groups` numbers with a few keys each, which mostly come in
  /// order: each group is one digit, and what is counted and written next mostly lies beside what was before.
  func sort(_ keys: UnsafeMutablePointer<UInt64>, _ values: UnsafeMutablePointer<Int64>?, count: Int, groups: Int) {
    guard count > 1 else { return }
    reserve(count, hasValues: values != nil)
    if groups + 1 > placeCapacity {
      let larger = max(groups + 1, placeCapacity * 2)
      Memory.deallocate(places, placeCapacity)
      places = Memory.allocate(larger)
      placeCapacity = larger
    }
    let places = places
    places.initialize(repeating: 0, count: groups + 1)
    for index in 0..<count { places[Int(keys[index] >> 32) &+ 1] &+= 1 }
    for group in 0..<groups { places[group &+ 1] &+= places[group] }
    for index in 0..<count {
      let group = Int(keys[index] >> 32)
      let at = Int(places[group])
      places[group] &+= 1
      self.keys[at] = keys[index]
      if let values { self.values[at] = values[index] }
    }
    keys.update(from: self.keys, count: count)
    values?.update(from: self.values, count: count)
    // Now each place is where the next group begins.
    var start = 0
    for group in 0..<groups {
      let end = Int(places[group])
      if end - start > RadixSort.few {
        sort(keys + start, values.map { $0 + start }, count: end - start)
      } else if end - start > 1 {
        insert(keys + start, values.map { $0 + start }, end - start)
      }
      start = end
    }
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
