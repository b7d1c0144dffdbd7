import Basics

extension CellBlock {
  /// Goes through the members of a block whose parts all have some, part by part, without putting them into a table.
  ///
  /// - `place`: where a cell with such codes goes; nil: nowhere.
  /// - `member`: a member of a part of the cell there, and its number: 1 in a set.
  @inline(__always) static func walk(
    _ bytes: UnsafeRawBufferPointer, _ dictionary: TextDictionary, place: (UnsafePointer<UInt32>) -> Int?,
    member: (_ part: Int, _ place: Int, _ member: UInt32, _ value: Int64) -> Void
  ) throws(Failure) {
    var reader = ByteReader(bytes, "cell block")
    let schema = try header(&reader)
    let count = try reader.count()
    var codes = [UInt32](repeating: 0, count: max(count * schema.dimensions, 1))
    for dimension in 0..<schema.dimensions {
      let textCount = try reader.count(limit: count)
      var local = [UInt32](repeating: 0, count: textCount + 1)
      for index in 0..<textCount { local[index + 1] = dictionary.intern(try reader.text()) }
      for cell in 0..<count { codes[cell * schema.dimensions + dimension] = local[try reader.count(limit: textCount)] }
    }
    let places = (0..<count).map { cell in
      codes.withUnsafeBufferPointer { place($0.baseAddress! + cell * schema.dimensions) } ?? -1
    }
    for (index, part) in schema.parts.enumerated() {
      precondition(part == .set || part == .bag || part == .histogram, "a part without members")
      for place in places {
        let count = try reader.count()
        if part == .set {
          try eachMember(&reader, count) { if place >= 0 { member(index, place, $0, 1) } }
          continue
        }
        var number: UInt32 = 0
        for _ in 0..<count {
          number = number &+ UInt32(truncatingIfNeeded: try reader.varint())
          let value = try reader.zigzag()
          if place >= 0 { member(index, place, number, value) }
        }
      }
    }
    guard reader.isAtEnd else { throw .corrupt("cell block: \(reader.remaining) bytes too many") }
  }

  /// The members of a set. Most differences between neighbours are one or two bytes each.
  @inline(__always) static func eachMember(
    _ reader: inout ByteReader, _ count: Int, _ member: (UInt32) -> Void
  ) throws(Failure) {
    let bytes = reader.bytes
    var index = reader.index
    var number: UInt32 = 0
    for _ in 0..<count {
      if index < bytes.count, bytes[index] < 0x80 {
        number = number &+ UInt32(bytes[index])
        index += 1
      } else if index + 1 < bytes.count, bytes[index + 1] < 0x80 {
        number = number &+ (UInt32(bytes[index] & 0x7f) | UInt32(bytes[index + 1]) << 7)
        index += 2
      } else {
        _ = try reader.raw(index - reader.index)
        number = number &+ UInt32(truncatingIfNeeded: try reader.varint())
        index = reader.index
      }
      member(number)
    }
    _ = try reader.raw(index - reader.index)
  }
}
