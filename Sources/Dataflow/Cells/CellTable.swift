import Basics

/// Cells in memory: what changed since the last commit, or what a query is putting together.
///
/// A cell is found by its bucket (milliseconds of its start) and its dimension codes. Everything is columns by cell number,
/// so an operator adds a whole batch part by part without dispatching per event.
final class CellTable {
  let schema: CellSchema
  let dictionary: TextDictionary

  private(set) var count = 0
  private var capacity = 64
  private(set) var buckets: UnsafeMutablePointer<Int64>
  /// `dimensions` codes per cell.
  private(set) var codes: UnsafeMutablePointer<UInt32>
  /// hash << 32 | cell number + 1, by hash; 0 is empty. A cell is looked at only when its hash is the one asked for.
  private var table: UnsafeMutablePointer<UInt64>
  private var mask = 127

  private(set) var columns: [Column]

  /// One part of all cells. Exactly one of the three is there, by the part's kind.
  struct Column {
    let part: CellSchema.Part
    var counts: UnsafeMutablePointer<Int64>?
    var wides: UnsafeMutablePointer<Int128>?
    let members: MemberLog?
  }

  init(schema: CellSchema, dictionary: TextDictionary, sorter: RadixSort = RadixSort()) {
    self.schema = schema
    self.dictionary = dictionary
    buckets = Memory.allocate(capacity)
    codes = Memory.allocate(capacity * schema.dimensions)
    table = Memory.allocate(mask + 1, zeroed: true)
    let capacity = capacity
    columns = schema.parts.map { part in
      switch part {
      case .count: Column(part: part, counts: Memory.allocate(capacity), wides: nil, members: nil)
      case .sum, .minimum, .maximum: Column(part: part, counts: nil, wides: Memory.allocate(capacity), members: nil)
      case .set, .bag, .histogram:
        Column(part: part, counts: nil, wides: nil, members: MemberLog(isSet: part == .set, sorter: sorter))
      }
    }
  }

  deinit {
    Memory.deallocate(buckets, capacity)
    Memory.deallocate(codes, capacity * schema.dimensions)
    Memory.deallocate(table, mask + 1)
    for column in columns {
      if let counts = column.counts { Memory.deallocate(counts, capacity) }
      if let wides = column.wides { Memory.deallocate(wides, capacity) }
    }
  }

  /// Empties the table and keeps its memory, but not that of a burst.
  func clear() {
    if capacity > 1 << 14, count < capacity / 16 {
      count = 0
      resize(to: 1 << 10)
      Memory.deallocate(table, mask + 1)
      mask = (2 << 10) - 1
      table = Memory.allocate(mask + 1, zeroed: true)
    } else if count > 0 {
      table.initialize(repeating: 0, count: mask + 1)
      count = 0
    }
    for column in columns { column.members?.clear() }
  }

  /// Makes room for so many members of all parts together, so that they are sorted once.
  func reserveMembers(_ members: Int) {
    let logs = columns.compactMap(\.members)
    for log in logs { log.reserve(members / logs.count) }
  }

  /// Bytes that a flush will give back: what cells in use take, not what the table has set aside.
  var usedByteCount: Int {
    var perCell = 24 + 4 * schema.dimensions
    var bytes = 0
    for column in columns {
      switch column.part {
      case .count: perCell += 8
      case .sum, .minimum, .maximum: perCell += 16
      case .set, .bag, .histogram: bytes += column.members!.count * 32
      }
    }
    return bytes + count * perCell
  }

  var byteCount: Int {
    var bytes = capacity * (8 + 4 * schema.dimensions) + (mask + 1) * 8
    for column in columns {
      if column.counts != nil { bytes += capacity * 8 }
      if column.wides != nil { bytes += capacity * 16 }
      bytes += column.members?.byteCount ?? 0
    }
    return bytes
  }

  /// Cells that are not empty, by bucket; those of one bucket as they came.
  func byBucket(_ members: Members, _ sorter: RadixSort) -> [Int] {
    var cells: [Int] = []
    cells.reserveCapacity(count)
    var least = Int64.max
    for cell in 0..<count where !CellBlock.isEmpty(self, cell, members) {
      cells.append(cell)
      least = min(least, buckets[cell])
    }
    let keys = UnsafeMutablePointer<UInt64>.allocate(capacity: max(cells.count, 1))
    defer { keys.deallocate() }
    for (index, cell) in cells.enumerated() { keys[index] = UInt64(bitPattern: buckets[cell] &- least) }
    let count = cells.count
    cells.withUnsafeMutableBytes { bytes in
      guard count > 0 else { return }
      sorter.sort(keys, bytes.baseAddress!.assumingMemoryBound(to: Int64.self), count: count)
    }
    return cells
  }

  /// The number of the cell, made when it is new. `key` has `dimensions` codes.
  @inline(__always) func cell(bucket: Int64, key: UnsafePointer<UInt32>) -> UInt32 {
    cell(bucket: bucket, key: key, hash: hash(bucket) { key[$0] })
  }

  @inline(__always) private func cell(bucket: Int64, key: UnsafePointer<UInt32>, hash: UInt32) -> UInt32 {
    var slot = Int(hash) & mask
    while true {
      let found = table[slot]
      if found == 0 { return add(bucket, key, hash, slot) }
      if UInt32(truncatingIfNeeded: found >> 32) == hash {
        let cell = Int(truncatingIfNeeded: found & 0xFFFF_FFFF) &- 1
        if buckets[cell] == bucket, isSame(cell, key) { return UInt32(truncatingIfNeeded: cell) }
      }
      slot = (slot &+ 1) & mask
    }
  }

  /// The number of the cell; nil when there is none.
  func known(bucket: Int64, key: UnsafePointer<UInt32>) -> Int? {
    let hash = hash(bucket) { key[$0] }
    var slot = Int(hash) & mask
    while table[slot] != 0 {
      if UInt32(truncatingIfNeeded: table[slot] >> 32) == hash {
        let cell = Int(truncatingIfNeeded: table[slot] & 0xFFFF_FFFF) - 1
        if buckets[cell] == bucket, isSame(cell, key) { return cell }
      }
      slot = (slot + 1) & mask
    }
    return nil
  }

  /// The cells of many rows, made when they are new.
  ///
  /// All hashes come first and touch the table, so that its lines are fetched side by side and not one after the other.
  @inline(__always) func find(
    count: Int, into cells: UnsafeMutablePointer<UInt32>, bucket: (_ index: Int) -> Int64,
    code: (_ index: Int, _ dimension: Int) -> UInt32
  ) {
    for index in 0..<count {
      let hash = hash(bucket(index)) { code(index, $0) }
      cells[index] = hash
      Memory.prefetch(table + (Int(hash) & mask))
    }
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: max(schema.dimensions, 1)) { key in
      let key = key.baseAddress!
      for index in 0..<count {
        for dimension in 0..<schema.dimensions { key[dimension] = code(index, dimension) }
        cells[index] = cell(bucket: bucket(index), key: key, hash: cells[index])
      }
    }
  }

  @inline(__always) private func hash(_ bucket: Int64, _ code: (Int) -> UInt32) -> UInt32 {
    var mixed = UInt64(bitPattern: bucket) &* 0x9E37_79B9_7F4A_7C15
    for dimension in 0..<schema.dimensions {
      mixed = (mixed ^ (mixed >> 29) ^ UInt64(code(dimension))) &* 0xBF58_476D_1CE4_E5B9
    }
    return UInt32(truncatingIfNeeded: mixed >> 32)
  }

  @inline(__always) private func isSame(_ cell: Int, _ key: UnsafePointer<UInt32>) -> Bool {
    let own = codes + cell &* schema.dimensions
    for dimension in 0..<schema.dimensions where own[dimension] != key[dimension] { return false }
    return true
  }

  @inline(never) private func add(_ bucket: Int64, _ key: UnsafePointer<UInt32>, _ hash: UInt32, _ slot: Int) -> UInt32
  {
    if count == capacity { resize(to: capacity * 2) }
    let cell = count
    count += 1
    buckets[cell] = bucket
    for dimension in 0..<schema.dimensions { codes[cell * schema.dimensions + dimension] = key[dimension] }
    for column in columns {
      switch column.part {
      case .count: column.counts![cell] = 0
      case .sum: column.wides![cell] = 0
      case .minimum: column.wides![cell] = .max
      case .maximum: column.wides![cell] = .min
      case .set, .bag, .histogram: break
      }
    }
    table[slot] = UInt64(hash) << 32 | UInt64(cell + 1)
    if count * 2 > mask { growTable() }
    return UInt32(cell)
  }

  private func resize(to size: Int) {
    Memory.resize(&buckets, from: capacity, to: size)
    Memory.resize(&codes, from: capacity * schema.dimensions, to: size * schema.dimensions)
    for index in columns.indices {
      if columns[index].counts != nil { Memory.resize(&columns[index].counts!, from: capacity, to: size) }
      if columns[index].wides != nil { Memory.resize(&columns[index].wides!, from: capacity, to: size) }
    }
    capacity = size
  }

  private func growTable() {
    let old = table
    let oldCapacity = mask + 1
    mask = mask * 2 + 1
    table = Memory.allocate(mask + 1, zeroed: true)
    for index in 0..<oldCapacity where old[index] != 0 {
      var slot = Int(truncatingIfNeeded: old[index] >> 32) & mask
      while table[slot] != 0 { slot = (slot &+ 1) & mask }
      table[slot] = old[index]
    }
    Memory.deallocate(old, oldCapacity)
  }
}
