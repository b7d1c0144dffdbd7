import Basics

/// The stored form of cells of one bucket: columns, with a dictionary of their own, so that a block means the same in any
/// process. Merging two blocks is adding both to a table and writing the table.
///
/// - Layout: format 1, dimensions, parts (a byte each), cells; per dimension its texts and a code per cell (0 missing); per
///   part its values in cell order. Members of sets ascend and are stored as differences.
enum CellBlock {
  static let format: UInt8 = 1
  /// Some of a block's parts, made for one reader: behind each part's byte is another, which part of the block it is.
  static let partialFormat: UInt8 = 2

  /// Whether the cell is as if it had never been: the retractions and assertions it saw cancel out.
  static func isEmpty(_ table: CellTable, _ cell: Int, _ members: Members) -> Bool {
    for (index, column) in table.columns.enumerated() {
      switch column.part {
      case .count: if column.counts![cell] != 0 { return false }
      case .sum: if column.wides![cell] != 0 { return false }
      case .minimum: if column.wides![cell] != .max { return false }
      case .maximum: if column.wides![cell] != .min { return false }
      case .set, .bag, .histogram: if members.of(part: index, cell: cell).count > 0 { return false }
      }
    }
    return true
  }

  /// Writes the given cells, which share a bucket.
  ///
  /// - `indices`: which parts of a whole block the table has, for one that is read and never stored; nil: it has all of them.
  static func encode(
    _ table: CellTable, cells: ArraySlice<Int>, members: Members, indices: [Int]? = nil, into writer: inout ByteWriter
  ) {
    writer.byte(indices == nil ? format : partialFormat)
    writer.byte(UInt8(table.schema.dimensions))
    writer.byte(UInt8(table.schema.parts.count))
    for (place, part) in table.schema.parts.enumerated() {
      writer.byte(part.rawValue)
      if let indices { writer.byte(UInt8(indices[place])) }
    }
    writer.varint(UInt64(cells.count))
    for dimension in 0..<table.schema.dimensions { encode(table, dimension, cells, into: &writer) }
    for (index, column) in table.columns.enumerated() {
      switch column.part {
      case .count: for cell in cells { writer.zigzag(column.counts![cell]) }
      case .sum: for cell in cells { writer.zigzag128(column.wides![cell]) }
      case .minimum, .maximum:
        let nothing: Int128 = column.part == .minimum ? .max : .min
        for cell in cells {
          let value = column.wides![cell]
          writer.byte(value == nothing ? 0 : 1)
          if value != nothing { writer.zigzag128(value) }
        }
      case .set, .bag, .histogram:
        for cell in cells {
          encode(members.of(part: index, cell: cell), counted: column.part != .set, into: &writer)
        }
      }
    }
  }

  /// Writes which cells there are, and nothing of what they hold.
  static func encodeNames(_ table: CellTable, cells: ArraySlice<Int>, into writer: inout ByteWriter) {
    writer.byte(format)
    writer.byte(UInt8(table.schema.dimensions))
    writer.byte(0)
    writer.varint(UInt64(cells.count))
    for dimension in 0..<table.schema.dimensions { encode(table, dimension, cells, into: &writer) }
  }

  private static func encode(
    _ table: CellTable, _ dimension: Int, _ cells: ArraySlice<Int>, into writer: inout ByteWriter
  ) {
    let dictionary = table.dictionary
    let dimensions = table.schema.dimensions
    dictionary.startNumbering()
    for cell in cells { _ = dictionary.number(table.codes[cell &* dimensions &+ dimension]) }
    writer.varint(UInt64(dictionary.numbered.count))
    for code in dictionary.numbered { writer.text(dictionary.bytes(code)) }
    for cell in cells { writer.varint(UInt64(dictionary.number(table.codes[cell &* dimensions &+ dimension]))) }
  }

  private static func encode(_ members: CellMembers, counted: Bool, into writer: inout ByteWriter) {
    writer.varint(UInt64(members.count))
    var previous: UInt32 = 0
    for index in 0..<members.count {
      let (member, value) = members[index]
      writer.varint(UInt64(member &- previous))
      if counted { writer.zigzag(value) }
      previous = member
    }
  }

  /// What the block says of its own shape.
  static func schema(of bytes: UnsafeRawBufferPointer) throws(Failure) -> CellSchema {
    var reader = ByteReader(bytes, "cell block")
    return try header(&reader)
  }

  static func header(_ reader: inout ByteReader) throws(Failure) -> CellSchema {
    let (schema, indices) = try anyHeader(&reader)
    guard indices == nil else { throw .corrupt("cell block: some of its parts where all are wanted") }
    return schema
  }

  /// `indices`: which parts of the whole block these are; nil: all.
  private static func anyHeader(
    _ reader: inout ByteReader
  ) throws(Failure) -> (schema: CellSchema, indices: [Int]?) {
    let format = try reader.byte()
    guard format == CellBlock.format || format == partialFormat else {
      throw .corrupt("cell block: format \(format), not \(CellBlock.format)")
    }
    let dimensions = Int(try reader.byte())
    let partCount = Int(try reader.byte())
    var parts: [CellSchema.Part] = []
    var indices: [Int]? = format == partialFormat ? [] : nil
    for _ in 0..<partCount {
      let raw = try reader.byte()
      guard let part = CellSchema.Part(rawValue: raw) else { throw .corrupt("cell block: unknown part \(raw)") }
      parts.append(part)
      if indices != nil { indices!.append(Int(try reader.byte())) }
    }
    return (CellSchema(dimensions: dimensions, parts: parts), indices)
  }

  /// Adds a block's cells to a table. `place` says under which bucket and dimension codes each cell goes (it may
  /// drop dimensions, writing the table's codes to the pointer), or that it does not belong (nil).
  ///
  /// - `parts`: which of the block's parts the table's parts are; nil is all of them in order.
  /// - `passed`: told of each of the table's cells that has members in a set that is not among `parts`.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, into table: CellTable, parts wanted: [Int]? = nil,
    passed: ((_ cell: Int) -> Void)? = nil, place: (_ codes: UnsafeMutablePointer<UInt32>) -> Int64?
  ) throws(Failure) {
    var reader = ByteReader(bytes, "cell block")
    let (schema, indices) = try anyHeader(&reader)
    if let indices {
      guard let wanted, wanted.allSatisfy(indices.contains) else {
        throw .corrupt("cell block: some of its parts where others are wanted")
      }
    }
    let count = try reader.count()
    let dimensions = schema.dimensions
    // One column of codes per dimension, then a key per cell.
    var codes = [UInt32](repeating: 0, count: count * dimensions)
    let dictionary = table.dictionary
    for dimension in 0..<dimensions {
      let textCount = try reader.count(limit: count)
      var local = [UInt32](repeating: 0, count: textCount + 1)
      for index in 0..<textCount { local[index + 1] = dictionary.intern(try reader.text()) }
      for cell in 0..<count { codes[cell &* dimensions &+ dimension] = local[try reader.count(limit: textCount)] }
    }
    var target = [UInt32](repeating: .max, count: count)
    let most = max(dimensions, table.schema.dimensions, 1)
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: most) { key in
      let key = key.baseAddress!
      key.initialize(repeating: 0, count: most)
      for cell in 0..<count {
        for dimension in 0..<dimensions { key[dimension] = codes[cell &* dimensions &+ dimension] }
        if let bucket = place(key) { target[cell] = table.cell(bucket: bucket, key: key) }
      }
    }
    for (index, part) in schema.parts.enumerated() {
      let position = wanted.map { $0.firstIndex(of: indices?[index] ?? index) } ?? index
      if let position {
        try decode(part, &reader, target, into: table.columns[position])
      } else {
        try pass(part, &reader, target, passed)
      }
    }
    guard reader.isAtEnd else { throw .corrupt("cell block: \(reader.remaining) bytes too many") }
  }

  /// Adds one part's values, for as many cells as there are targets; `UInt32.max` is a cell that does not belong.
  private static func decode(
    _ part: CellSchema.Part, _ reader: inout ByteReader, _ target: [UInt32], into column: CellTable.Column
  ) throws(Failure) {
    precondition(column.part == part, "a part of another kind")
    let none = UInt32.max
    switch part {
    case .count:
      let counts = column.counts!
      for cell in target {
        let value = try reader.zigzag()
        if cell != none { counts[Int(cell)] += value }
      }
    case .sum:
      let wides = column.wides!
      for cell in target {
        let value = try reader.zigzag128()
        if cell != none { wides[Int(cell)] += value }
      }
    case .minimum, .maximum:
      let wides = column.wides!
      for cell in target {
        guard try reader.byte() != 0 else { continue }
        let value = try reader.zigzag128()
        guard cell != none else { continue }
        let at = Int(cell)
        wides[at] = part == .minimum ? min(wides[at], value) : max(wides[at], value)
      }
    case .set:
      let members = column.members!
      for cell in target {
        let count = try reader.count()
        if cell == none {
          try reader.skipVarints(count)
        } else {
          try eachMember(&reader, count) { members.insert(cell: cell, member: $0) }
        }
      }
    case .bag, .histogram:
      let members = column.members!
      for cell in target {
        let count = try reader.count()
        guard cell != none else {
          try reader.skipVarints(2 * count)
          continue
        }
        var member: UInt32 = 0
        for _ in 0..<count {
          member = member &+ UInt32(truncatingIfNeeded: try reader.varint())
          members.add(cell: cell, member: member, try reader.zigzag())
        }
      }
    }
  }

  /// Goes past one part's values.
  private static func pass(
    _ part: CellSchema.Part, _ reader: inout ByteReader, _ target: [UInt32], _ passed: ((Int) -> Void)?
  ) throws(Failure) {
    switch part {
    case .count: try reader.skipVarints(target.count)
    case .sum: for _ in target { _ = try reader.zigzag128() }
    case .minimum, .maximum: for _ in target where try reader.byte() != 0 { _ = try reader.zigzag128() }
    case .set:
      for cell in target {
        let count = try reader.count()
        try reader.skipVarints(count)
        if let passed, count > 0, cell != UInt32.max { passed(Int(cell)) }
      }
    case .bag, .histogram: for _ in target { try reader.skipVarints(2 * (try reader.count())) }
    }
  }
}
