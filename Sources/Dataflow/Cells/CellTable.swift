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
  private var hashes: UnsafeMutablePointer<UInt32>
  /// Cell number + 1 by hash; 0 is empty.
  private var table: UnsafeMutablePointer<UInt32>
  private var mask = 127

  private(set) var columns: [Column]

  /// One part of all cells. Exactly one of the three is there, by the part's kind.
  struct Column {
    let part: CellSchema.Part
    var counts: UnsafeMutablePointer<Int64>?
    var wides: UnsafeMutablePointer<Int128>?
    let pairs: PairMap?
  }

  init(schema: CellSchema, dictionary: TextDictionary) {
    self.schema = schema
    self.dictionary = dictionary
    buckets = .allocate(capacity: capacity)
    codes = .allocate(capacity: max(capacity * schema.dimensions, 1))
    hashes = .allocate(capacity: capacity)
    table = .allocate(capacity: mask + 1)
    table.initialize(repeating: 0, count: mask + 1)
    let capacity = capacity
    columns = schema.parts.map { part in
      switch part {
      case .count: Column(part: part, counts: .allocate(capacity: capacity), wides: nil, pairs: nil)
      case .sum, .minimum, .maximum: Column(part: part, counts: nil, wides: .allocate(capacity: capacity), pairs: nil)
      case .set, .bag, .histogram: Column(part: part, counts: nil, wides: nil, pairs: PairMap())
      }
    }
  }

  deinit {
    buckets.deallocate()
    codes.deallocate()
    hashes.deallocate()
    table.deallocate()
    for column in columns {
      column.counts?.deallocate()
      column.wides?.deallocate()
    }
  }

  /// Empties the table and keeps its memory.
  func clear() {
    if count > 0 { table.initialize(repeating: 0, count: mask + 1) }
    count = 0
    for column in columns { column.pairs?.clear() }
  }

  /// Bytes that a flush will give back: what cells in use take, not what the table has set aside.
  var usedByteCount: Int {
    var perCell = 20 + 4 * schema.dimensions
    var bytes = 0
    for column in columns {
      switch column.part {
      case .count: perCell += 8
      case .sum, .minimum, .maximum: perCell += 16
      case .set, .bag, .histogram: bytes += column.pairs!.count * 32
      }
    }
    return bytes + count * perCell
  }

  var byteCount: Int {
    var bytes = capacity * (12 + 4 * schema.dimensions) + (mask + 1) * 4
    for column in columns {
      if column.counts != nil { bytes += capacity * 8 }
      if column.wides != nil { bytes += capacity * 16 }
      bytes += column.pairs?.byteCount ?? 0
    }
    return bytes
  }

  /// The number of the cell, made when it is new. `key` has `dimensions` codes.
  @inline(__always) func cell(bucket: Int64, key: UnsafePointer<UInt32>) -> UInt32 {
    let hash = hash(bucket, key)
    var slot = Int(hash) & mask
    while true {
      let found = table[slot]
      if found == 0 { return add(bucket, key, hash, slot) }
      let cell = Int(found) - 1
      if hashes[cell] == hash, buckets[cell] == bucket, isSame(cell, key) { return UInt32(cell) }
      slot = (slot &+ 1) & mask
    }
  }

  /// The cell if there is one.
  func find(bucket: Int64, key: UnsafePointer<UInt32>) -> UInt32? {
    let hash = hash(bucket, key)
    var slot = Int(hash) & mask
    while table[slot] != 0 {
      let cell = Int(table[slot]) - 1
      if hashes[cell] == hash, buckets[cell] == bucket, isSame(cell, key) { return UInt32(cell) }
      slot = (slot &+ 1) & mask
    }
    return nil
  }

  @inline(__always) private func hash(_ bucket: Int64, _ key: UnsafePointer<UInt32>) -> UInt32 {
    var mixed = UInt64(bitPattern: bucket) &* 0x9E37_79B9_7F4A_7C15
    for dimension in 0..<schema.dimensions {
      mixed = (mixed ^ (mixed >> 29) ^ UInt64(key[dimension])) &* 0xBF58_476D_1CE4_E5B9
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
    if count == capacity { grow() }
    let cell = count
    count += 1
    buckets[cell] = bucket
    hashes[cell] = hash
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
    table[slot] = UInt32(cell + 1)
    if count * 2 > mask { growTable() }
    return UInt32(cell)
  }

  private func grow() {
    let larger = capacity * 2
    func moved<T>(_ old: UnsafeMutablePointer<T>, _ stride: Int = 1) -> UnsafeMutablePointer<T> {
      let new = UnsafeMutablePointer<T>.allocate(capacity: max(larger * stride, 1))
      new.update(from: old, count: count * stride)
      old.deallocate()
      return new
    }
    buckets = moved(buckets)
    hashes = moved(hashes)
    codes = moved(codes, schema.dimensions)
    for index in columns.indices {
      if let counts = columns[index].counts { columns[index].counts = moved(counts) }
      if let wides = columns[index].wides { columns[index].wides = moved(wides) }
    }
    capacity = larger
  }

  private func growTable() {
    table.deallocate()
    mask = mask * 2 + 1
    table = .allocate(capacity: mask + 1)
    table.initialize(repeating: 0, count: mask + 1)
    for cell in 0..<count {
      var slot = Int(hashes[cell]) & mask
      while table[slot] != 0 { slot = (slot &+ 1) & mask }
      table[slot] = UInt32(cell + 1)
    }
  }
}
