import Basics

/// The stored form of cells of one bucket: columns, with a dictionary of their own, so that a block means the same in any
/// process. Merging two blocks is adding both to a table and writing the table.
///
/// - Layout: format 1, dimensions, parts (a byte each), cells; per dimension its texts and a code per cell (0 missing); per
///   part its values in cell order. Members of sets ascend and are stored as differences.
enum CellBlock {
  static let format: UInt8 = 1

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
  static func encode(_ table: CellTable, cells: ArraySlice<Int>, members: Members, into writer: inout ByteWriter) {
    writer.byte(format)
    writer.byte(UInt8(table.schema.dimensions))
    writer.byte(UInt8(table.schema.parts.count))
    for part in table.schema.parts { writer.byte(part.rawValue) }
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
    let format = try reader.byte()
    guard format == CellBlock.format else { throw .corrupt("cell block: format \(format), not \(CellBlock.format)") }
    let dimensions = Int(try reader.byte())
    let partCount = Int(try reader.byte())
    var parts: [CellSchema.Part] = []
    for _ in 0..<partCount {
      let raw = try reader.byte()
      guard let part = CellSchema.Part(rawValue: raw) else { throw .corrupt("cell block: unknown part \(raw)") }
      parts.append(part)
    }
    return CellSchema(dimensions: dimensions, parts: parts)
  }

  /// Adds a block's cells to a table. `place` says under which bucket and dimension codes each cell goes (it may
  /// drop dimensions, writing the table's codes to the pointer), or that it does not belong (nil).
  ///
  /// `parts` says which of the block's parts the table's parts are; nil is all of them in order.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, into table: CellTable, parts wanted: [Int]? = nil,
    place: (_ codes: UnsafeMutablePointer<UInt32>) -> Int64?
  ) throws(Failure) {
    var reader = ByteReader(bytes, "cell block")
    let schema = try header(&reader)
    let count = try reader.count()
    let none = UInt32.max
    // One column of codes per dimension, then a key per cell.
    var codes = [UInt32](repeating: 0, count: count * schema.dimensions)
    for dimension in 0..<schema.dimensions {
      let textCount = try reader.count(limit: count)
      var local = [UInt32](repeating: 0, count: textCount + 1)
      for index in 0..<textCount { local[index + 1] = table.dictionary.intern(try reader.text()) }
      for cell in 0..<count {
        let code = try reader.count(limit: textCount)
        codes[cell * schema.dimensions + dimension] = local[code]
      }
    }
    var target = [UInt32](repeating: none, count: count)
    var key = [UInt32](repeating: 0, count: max(schema.dimensions, table.schema.dimensions, 1))
    for cell in 0..<count {
      for dimension in 0..<schema.dimensions { key[dimension] = codes[cell * schema.dimensions + dimension] }
      target[cell] = key.withUnsafeMutableBufferPointer { key in
        guard let bucket = place(key.baseAddress!) else { return none }
        return table.cell(bucket: bucket, key: key.baseAddress!)
      }
    }
    for (index, part) in schema.parts.enumerated() {
      let position = wanted.map { $0.firstIndex(of: index) } ?? index
      try decode(part, &reader, target, into: position.map { table.columns[$0] })
    }
    guard reader.isAtEnd else { throw .corrupt("cell block: \(reader.remaining) bytes too many") }
  }

  private static func decode(
    _ part: CellSchema.Part, _ reader: inout ByteReader, _ target: [UInt32], into column: CellTable.Column?
  ) throws(Failure) {
    precondition(column == nil || column!.part == part, "a part of another kind")
    for cell in target {
      let to = cell == UInt32.max ? nil : column
      let at = Int(cell)
      switch part {
      case .count:
        let value = try reader.zigzag()
        to?.counts![at] += value
      case .sum:
        let value = try reader.zigzag128()
        to?.wides![at] += value
      case .minimum, .maximum:
        guard try reader.byte() != 0 else { continue }
        let value = try reader.zigzag128()
        if let wides = to?.wides {
          wides[at] = part == .minimum ? min(wides[at], value) : max(wides[at], value)
        }
      case .set, .bag, .histogram:
        let members = try reader.count()
        var member: UInt32 = 0
        for _ in 0..<members {
          member = member &+ UInt32(truncatingIfNeeded: try reader.varint())
          if part == .set {
            to?.members!.insert(cell: cell, member: member)
          } else {
            let value = try reader.zigzag()
            to?.members!.add(cell: cell, member: member, value)
          }
        }
      }
    }
  }
}
