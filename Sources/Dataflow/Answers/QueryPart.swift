import Basics

/// What some partitions add to an answer that another instance puts together: per range its cells, as columns. Usually one
/// table, with users counted; for a top of users one per partition, with its users, since which of them make up the rest is only
/// known when all is there.
///
/// - Layout: how many ranges; per range how many tables, and each with its length.
struct QueryPart {
  var ranges: [[[UInt8]]]

  var encoded: [UInt8] {
    var writer = ByteWriter(capacity: ranges.joined().reduce(64) { $0 + $1.count + 8 })
    writer.varint(UInt64(ranges.count))
    for tables in ranges {
      writer.varint(UInt64(tables.count))
      for table in tables { table.withUnsafeBytes { writer.text($0) } }
    }
    return Array(writer.bytes)
  }

  init(ranges: [[[UInt8]]]) { self.ranges = ranges }

  /// - Errors: `.corrupt` when it is not one of so many ranges.
  init(_ bytes: [UInt8], rangeCount: Int) throws(Failure) {
    ranges = try bytes.span.withUnsafeBytes { (bytes) throws(Failure) in
      var reader = ByteReader(bytes, "cells of another instance")
      var ranges: [[[UInt8]]] = []
      for _ in 0..<(try reader.count(limit: reader.remaining)) {
        var tables: [[UInt8]] = []
        for _ in 0..<(try reader.count(limit: reader.remaining)) { tables.append(Array(try reader.text())) }
        ranges.append(tables)
      }
      return ranges
    }
    guard ranges.count == rangeCount else { throw .corrupt("cells of another instance: \(ranges.count) ranges") }
  }
}
