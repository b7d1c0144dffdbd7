import Basics
import Stores

/// Writes what changed in one table since the last commit: for every grain, one small block per bucket, to be merged with
/// what is stored. The finest grain is what operators filled; coarser ones are added up from it here, once per commit.
final class CellWriter {
  private let table: UInt16
  private let grains: [GrainDefinition]
  private let clock: BucketClock
  private let sorter: RadixSort
  /// Per grain: end of the buckets already deleted.
  private var deletedUntil: [Int64]
  private var key = ByteWriter()
  private var value = ByteWriter(capacity: 4096)

  init(table: UInt16, grains: [GrainDefinition], clock: BucketClock, sorter: RadixSort) {
    self.table = table
    self.sorter = sorter
    self.grains = grains
    self.clock = clock
    deletedUntil = grains.map { _ in .min }
  }

  /// `newest` is the partition's M; nil when nothing expires.
  ///
  /// - `lists`: whether what changed is put into the outbox, too.
  func flush(_ cells: CellTable, newest: Int64?, lists: Bool, into transaction: Transaction) {
    if cells.count > 0 {
      write(cells, grains[0], newest, lists, into: transaction)
      for definition in grains.dropFirst() {
        let coarse = CellTable(schema: cells.schema, dictionary: cells.dictionary, sorter: sorter)
        coarse.add(cells) { clock.bucket(of: $0, grain: definition.grain) }
        write(coarse, definition, newest, lists, into: transaction)
      }
    }
    if let newest { deleteExpired(newest, into: transaction) }
  }

  private func write(
    _ cells: CellTable, _ definition: GrainDefinition, _ newest: Int64?, _ lists: Bool, into transaction: Transaction
  ) {
    let members = Members(cells)
    let order = cells.byBucket(members, sorter)
    let expired = CellWriter.keptUntil(definition, newest)
    var index = 0
    while index < order.count {
      let bucket = cells.buckets[order[index]]
      var end = index
      while end < order.count, cells.buckets[order[end]] == bucket { end += 1 }
      if clock.bucketEnd(bucket, grain: definition.grain) > expired {
        write(cells, order, index..<end, members, definition.grain, bucket, into: transaction)
        transaction.mark(KeyLayout.mark(table: table, grain: definition.grain, bucket: bucket))
        if lists { list(cells, order[index..<end], definition.grain, bucket, into: transaction) }
      }
      index = end
    }
  }

  private func list(
    _ cells: CellTable, _ changed: ArraySlice<Int>, _ grain: Grain, _ bucket: Int64, into transaction: Transaction
  ) {
    KeyLayout.changedCells(table: table, grain: grain, bucket: bucket, into: &key)
    value.clear()
    CellBlock.encodeNames(cells, cells: changed, into: &value)
    transaction.put(key.bytes, value.bytes)
  }

  /// Many cells are split by their dimensions' hash, so that a change of a few does not rewrite all. Readers merge
  /// whatever they find of a bucket, so how it was split when does not matter.
  private func write(
    _ cells: CellTable, _ order: [Int], _ range: Range<Int>, _ members: Members, _ grain: Grain,
    _ bucket: Int64, into transaction: Transaction
  ) {
    var splits = 1
    while range.count > splits * 1_024, splits < 4_096 { splits *= 2 }
    if splits == 1 {
      put(cells, order[range], members, grain, bucket, 0, into: transaction)
      return
    }
    var groups = [[Int]](repeating: [], count: splits)
    for cell in order[range] {
      var hash: UInt32 = 0
      for dimension in 0..<cells.schema.dimensions {
        let code = cells.codes[cell * cells.schema.dimensions + dimension]
        hash = (hash &* 31) &+ cells.dictionary.hash(code)
      }
      groups[Int((hash &* 0x9E37_79B9) >> 20) & (splits - 1)].append(cell)
    }
    for (split, group) in groups.enumerated() where !group.isEmpty {
      put(cells, group[...], members, grain, bucket, UInt16(split), into: transaction)
    }
  }

  private func put(
    _ cells: CellTable, _ group: ArraySlice<Int>, _ members: Members, _ grain: Grain, _ bucket: Int64,
    _ split: UInt16, into transaction: Transaction
  ) {
    KeyLayout.cells(table: table, grain: grain, bucket: bucket, split: split, into: &key)
    value.clear()
    CellBlock.encode(cells, cells: group, members: members, into: &value)
    transaction.merge(key.bytes, value.bytes)
  }

  /// Rows that end at or before this are expired.
  static func expiry(_ definition: GrainDefinition, _ newest: Int64?) -> Int64 {
    guard let newest, let retention = definition.retentionMilliseconds else { return .min }
    return newest - retention
  }

  /// Stored buckets that end at or before this may go. Quarter hours stay for as long as an hour of any zone that they
  /// are part of may show: a row shows whole or not at all.
  private static func keptUntil(_ definition: GrainDefinition, _ newest: Int64?) -> Int64 {
    let expired = expiry(definition, newest)
    return definition.grain == .hour && expired != .min ? expired - 3 * BucketClock.quarter : expired
  }

  private func deleteExpired(_ newest: Int64, into transaction: Transaction) {
    for (index, definition) in grains.enumerated() where definition.retentionMilliseconds != nil {
      // By the hour: a range deletion per commit would cost every reader.
      let expired = Timestamp.floor(CellWriter.keptUntil(definition, newest), to: Timestamp.hour)
      let bucket = clock.bucket(of: expired, grain: definition.grain)
      guard bucket > deletedUntil[index] else { continue }
      deletedUntil[index] = bucket
      var end = ByteWriter()
      KeyLayout.cells(table: table, grain: definition.grain, bucket: .min, into: &key)
      KeyLayout.cells(table: table, grain: definition.grain, bucket: bucket, into: &end)
      transaction.deleteRange(key.bytes, end.bytes)
    }
  }
}
