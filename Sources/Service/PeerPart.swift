import Basics
import Runtime

/// One instance's part of an answer that another puts together.
///
/// - Layout: format 2; the partitions in it and their offsets; the newest stamp by which buckets expired in it; until when it
///   is complete, and from when it is exact; partitions that stopped, and why; the cells.
struct PeerPart {
  static let format: UInt8 = 2

  var offsets: [Int: Int64]
  var newestStamp: Int64?
  var completeUntil: Int64?
  var exactFrom: Int64?
  var partial: [MissingPartition]
  var cells: [UInt8]

  init(_ reading: Reading, cells: [UInt8]) {
    offsets = reading.offsets
    newestStamp = reading.answers.newestStamp
    completeUntil = reading.completeUntil
    exactFrom = reading.exactFrom
    partial = reading.partial
    self.cells = cells
  }

  var encoded: [UInt8] {
    var writer = ByteWriter(capacity: cells.count + 256)
    writer.byte(PeerPart.format)
    writer.varint(UInt64(offsets.count))
    for (partition, offset) in offsets.sorted(by: { $0.key < $1.key }) {
      writer.varint(UInt64(partition))
      writer.zigzag(offset)
    }
    for time in [newestStamp, completeUntil, exactFrom] {
      writer.byte(time == nil ? 0 : 1)
      writer.zigzag(time ?? 0)
    }
    writer.varint(UInt64(partial.count))
    for missing in partial {
      writer.varint(UInt64(missing.partition))
      writer.text(missing.message)
    }
    cells.withUnsafeBytes { writer.text($0) }
    return Array(writer.bytes)
  }

  init(_ bytes: [UInt8]) throws(Failure) {
    self = try bytes.span.withUnsafeBytes { (bytes) throws(Failure) in
      var reader = ByteReader(bytes, "another instance's part of an answer")
      return try PeerPart(from: &reader)
    }
  }

  private init(from reader: inout ByteReader) throws(Failure) {
    let format = try reader.byte()
    guard format == PeerPart.format else {
      throw .unavailable(
        "it speaks format \(format), not \(PeerPart.format): run one version of the program everywhere")
    }
    offsets = [:]
    for _ in 0..<(try reader.count(limit: reader.remaining)) {
      let partition = try reader.count()
      offsets[partition] = try reader.zigzag()
    }
    var times: [Int64?] = []
    for _ in 0..<3 {
      let isThere = try reader.byte() != 0
      let time = try reader.zigzag()
      times.append(isThere ? time : nil)
    }
    (newestStamp, completeUntil, exactFrom) = (times[0], times[1], times[2])
    partial = []
    for _ in 0..<(try reader.count(limit: reader.remaining)) {
      let partition = try reader.count()
      partial.append(MissingPartition(partition: partition, message: try reader.string()))
    }
    cells = Array(try reader.text())
  }
}
