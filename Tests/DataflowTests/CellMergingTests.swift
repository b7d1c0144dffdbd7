import Basics
import Seeded
import Stores
import Testing

@testable import Dataflow

/// Goal: whoever wants some parts of merged cells gets what is in all of them. Method: random blocks, some of whose cells cancel
/// out, are merged whole and for some parts; both are read for these parts.
@Suite struct CellMergingTests {
  private static let kinds: [CellSchema.Part] = [.count, .sum, .minimum, .maximum, .set, .bag, .histogram]

  /// Few texts, members and numbers, so that blocks meet in cells and take back what others say.
  private func block(_ schema: CellSchema, _ random: inout SeededRandom) -> [UInt8] {
    let table = CellTable(schema: schema, dictionary: TextDictionary())
    var key = [UInt32](repeating: 0, count: max(schema.dimensions, 1))
    for _ in 0..<random.number(0...6) {
      for dimension in 0..<schema.dimensions {
        let text = random.pick(["", "a", "b"])
        key[dimension] = Array(text.utf8).withUnsafeBytes { table.dictionary.intern($0) }
      }
      let cell = table.cell(bucket: 0, key: key)
      let at = Int(cell)
      for column in table.columns where random.chance(60) {
        let number = Int64(random.number(-2...2))
        switch column.part {
        case .count: column.counts![at] += number
        case .sum: column.wides![at] += Int128(number) << 70
        case .minimum: column.wides![at] = min(column.wides![at], Int128(number))
        case .maximum: column.wides![at] = max(column.wides![at], Int128(number))
        case .set:
          for _ in 0..<random.number(0...40) {
            let far = random.number(0...1) * 5_000_000
            column.members!.insert(cell: cell, member: UInt32(far + random.number(0...300)))
          }
        case .bag, .histogram: column.members!.add(cell: cell, member: UInt32(random.number(0...2)), number)
        }
      }
    }
    let members = Members(table)
    var writer = ByteWriter()
    CellBlock.encode(table, cells: Array(0..<table.count)[...], members: members, into: &writer)
    return Array(writer.bytes)
  }

  private func merged(_ blocks: [[UInt8]], _ wanted: [Int]?) throws -> [UInt8] {
    let copies = blocks.map { block in
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: block.count, alignment: 1)
      copy.copyBytes(from: block)
      return UnsafeRawBufferPointer(copy)
    }
    defer { for copy in copies { copy.deallocate() } }
    var writer = ByteWriter()
    try CellMerging().merge(copies, wanted: wanted.map { WantedParts($0) }, into: &writer)
    return Array(writer.bytes)
  }

  /// Every cell and what it holds of these parts.
  private func read(_ block: [UInt8], _ schema: CellSchema, _ parts: [Int]) throws -> [String: [String]] {
    let own = CellSchema(dimensions: schema.dimensions, parts: parts.map { schema.parts[$0] })
    let table = CellTable(schema: own, dictionary: TextDictionary())
    try block.withUnsafeBytes { bytes in try CellBlock.decode(bytes, into: table, parts: parts) { _ in 0 } }
    let members = Members(table)
    var cells: [String: [String]] = [:]
    for cell in 0..<table.count {
      let name = (0..<own.dimensions).map { dimension in
        let code = table.codes[cell * own.dimensions + dimension]
        return code == 0 ? "-" : String(decoding: table.dictionary.bytes(code), as: UTF8.self)
      }
      cells["\(name)"] = table.columns.enumerated().map { index, column in
        if let counts = column.counts { return "\(counts[cell])" }
        if let wides = column.wides { return "\(wides[cell])" }
        let of = members.of(part: index, cell: cell)
        return "\((0..<of.count).map { "\(of[$0].member):\(of[$0].value)" })"
      }
    }
    return cells
  }

  @Test(arguments: 1...40 as ClosedRange<UInt64>) func somePartsAreThoseOfTheWhole(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var partial = 0
    for _ in 0..<40 {
      let schema = CellSchema(
        dimensions: random.number(0...2),
        parts: (0..<random.number(1...5)).map { _ in random.pick(CellMergingTests.kinds) })
      let blocks = (0..<random.number(1...5)).map { _ in block(schema, &random) }
      let wanted = schema.parts.indices.filter { _ in random.chance(50) }
      let whole = try merged(blocks, nil)
      let some = try merged(blocks, wanted)
      let what = "seed \(seed): \(schema), wanted \(wanted)"
      #expect(try read(some, schema, wanted) == read(whole, schema, wanted), "\(what)")
      guard some != whole else { continue }
      partial += 1
      // What was made for one reader is never taken for all there is.
      let shape = try? some.withUnsafeBytes { try CellBlock.schema(of: $0) }
      #expect(shape == nil, "\(what)")
      #expect(throws: Failure.self, "\(what)") { try merged([whole, some], nil) }
      #expect(throws: Failure.self, "\(what)") { try read(some, schema, Array(schema.parts.indices)) }
    }
    #expect(partial > 3, "seed \(seed)")
  }
}
