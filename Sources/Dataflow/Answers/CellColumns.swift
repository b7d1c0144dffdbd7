import Basics

/// Cells of many buckets as columns: what instances of a group tell each other of an answer. Users are counted by then.
///
/// - Layout: runs of cells of one bucket (how many runs; per run its bucket and how many cells), then the cells as in a block.
enum CellColumns {
  static func encode(_ table: CellTable, into writer: inout ByteWriter) {
    let members = Members(table)
    let cells = table.byBucket(members, RadixSort())
    var runs: [(bucket: Int64, count: UInt64)] = []
    for cell in cells {
      if runs.last?.bucket == table.buckets[cell] {
        runs[runs.count - 1].count += 1
      } else {
        runs.append((table.buckets[cell], 1))
      }
    }
    writer.varint(UInt64(runs.count))
    for run in runs {
      writer.zigzag(run.bucket)
      writer.varint(run.count)
    }
    CellBlock.encode(table, cells: cells[...], members: members, into: &writer)
  }

  /// Adds those of the buckets that show to a table.
  ///
  /// - Errors: `.corrupt` when they are not of the table's shape.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, into table: CellTable, shows: (Int64) -> Bool = { _ in true }
  ) throws(Failure) {
    var reader = ByteReader(bytes, "cells of another instance")
    var buckets: [Int64] = []
    for _ in 0..<(try reader.count(limit: bytes.count)) {
      let bucket = try reader.zigzag()
      let count = try reader.count(limit: bytes.count)
      guard buckets.count + count <= bytes.count else {
        throw .corrupt("cells of another instance: more cells than bytes")
      }
      buckets.append(contentsOf: repeatElement(bucket, count: count))
    }
    let block = try reader.raw(reader.remaining)
    guard try CellBlock.schema(of: block) == table.schema else {
      throw .corrupt("cells of another instance have another shape")
    }
    var next = 0
    try CellBlock.decode(block, into: table) { _ in
      defer { next += 1 }
      return next < buckets.count && shows(buckets[next]) ? buckets[next] : nil
    }
    guard next == buckets.count else {
      throw .corrupt("cells of another instance: \(next) cells in \(buckets.count) places")
    }
  }
}
