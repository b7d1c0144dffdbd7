import Basics

/// What the chain of one partition must know besides its keys. Written with every commit.
struct ChainMeta: Equatable {
  /// M, the newest append stamp seen, milliseconds; `Int64.min` before the first and in logs without stamps.
  var newestStamp: Int64 = .min
  /// The newest event time counted, milliseconds; what `complete_until` is in logs without stamps.
  var newestTime: Int64 = .min
  var nextUser: UInt32 = 0
  var identifiers = Deduplicator.Meta()

  func encode(into writer: inout ByteWriter) {
    writer.byte(KeyLayout.format)
    writer.ordered64(newestStamp)
    writer.ordered64(newestTime)
    writer.fixed32(nextUser)
    writer.fixed64(identifiers.firstBlock)
    writer.fixed64(identifiers.nextBlock)
    writer.fixed32(identifiers.nextRun)
  }

  init() {}

  init(from bytes: UnsafeRawBufferPointer) throws(Failure) {
    var reader = ByteReader(bytes, "chain meta")
    let format = try reader.byte()
    guard format == KeyLayout.format else {
      throw .invalid(
        "the state has format \(format), this program reads \(KeyLayout.format): use the program that wrote it, or rebuild "
          + "the state from the log in a new data directory")
    }
    newestStamp = try reader.ordered64()
    newestTime = try reader.ordered64()
    nextUser = try reader.fixed32()
    identifiers.firstBlock = try reader.fixed64()
    identifiers.nextBlock = try reader.fixed64()
    identifiers.nextRun = try reader.fixed32()
  }
}
