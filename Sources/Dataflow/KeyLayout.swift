import Basics

/// The on-disk schema of one partition's state, all of it. The first byte of a key says what it is; numbers in keys are
/// big-endian, so that key order is their order.
///
/// | key | value |
/// | --- | --- |
/// | `m` | `Chain` meta: format, newest stamp M, next user number, next id block, next run |
/// | `o` | the runtime's: log position |
/// | `l` | ledger |
/// | `i` block:8 | up to 4,096 ids counted in one commit, 24 bytes each, in no order |
/// | `r` run:4 block:4 | ids of a sorted run, 24 bytes each |
/// | `t` run:4 | the run: ids, first and last hour |
/// | `u` key:16 | user record: number, sessions, funnel steps |
/// | `n` number:4 | texts of users, from this number on: a length and bytes each |
/// | `c` table:2 grain:1 bucket:8 split:2 | cell block, merged |
/// | `q` number:8 | the runtime's: quarantined or late record |
/// | `x` `c` table:2 grain:1 bucket:8 | outbox: names of cells that changed, a cell block without parts |
/// | `x` `s` user:4 start:8 | outbox: a session that changed, as it stands; empty when it is gone |
/// | `x` `x` number:8 | the runtime's: outbox: a record for the dead letters |
/// | `y` | the runtime's: outputs whose topics have everything but what is in the outbox |
public enum KeyLayout {
  public static let format: UInt8 = 2

  public static let meta: [UInt8] = [UInt8(ascii: "m")]
  public static let position: [UInt8] = [UInt8(ascii: "o")]
  public static let ledger: [UInt8] = [UInt8(ascii: "l")]

  static func idBlock(_ number: UInt64, into writer: inout ByteWriter) {
    writer.clear()
    writer.byte(UInt8(ascii: "i"))
    writer.bigEndian64(number)
  }

  static func runBlock(run: UInt32, block: UInt32, into writer: inout ByteWriter) {
    writer.clear()
    writer.byte(UInt8(ascii: "r"))
    writer.bigEndian32(run)
    writer.bigEndian32(block)
  }

  static func run(_ run: UInt32, into writer: inout ByteWriter) {
    writer.clear()
    writer.byte(UInt8(ascii: "t"))
    writer.bigEndian32(run)
  }

  static func user(_ key: Key128, into writer: inout ByteWriter) {
    writer.byte(UInt8(ascii: "u"))
    writer.bigEndian64(key.high)
    writer.bigEndian64(key.low)
  }

  static func users(from number: UInt32, into writer: inout ByteWriter) {
    writer.clear()
    writer.byte(UInt8(ascii: "n"))
    writer.bigEndian32(number)
  }

  static func cells(table: UInt16, grain: Grain, bucket: Int64, split: UInt16, into writer: inout ByteWriter) {
    cells(table: table, grain: grain, bucket: bucket, into: &writer)
    writer.byte(UInt8(split >> 8))
    writer.byte(UInt8(truncatingIfNeeded: split))
  }

  /// What a change of a bucket is noted as: that a day of UTC is not as it was.
  static func mark(table: UInt16, grain: Grain, bucket: Int64) -> UInt64 {
    let day = UInt64(bitPattern: Timestamp.floor(bucket, to: Timestamp.day) / Timestamp.day) & 0xFF_FFFF_FFFF
    return UInt64(table) << 48 | UInt64(grain.rawValue) << 40 | day
  }

  /// The prefix of a bucket's blocks; also where a scan from that bucket on starts.
  static func cells(
    table: UInt16, grain: Grain, bucket: Int64, into writer: inout ByteWriter, after first: UInt8? = nil
  ) {
    writer.clear()
    if let first { writer.byte(first) }
    writer.byte(UInt8(ascii: "c"))
    writer.byte(UInt8(table >> 8))
    writer.byte(UInt8(truncatingIfNeeded: table))
    writer.byte(grain.rawValue)
    writer.ordered64(bucket)
  }

  /// The first two bytes of keys in the outbox.
  public enum Outbox: Character, Sendable {
    case cells = "c"
    case sessions = "s"
    case deadLetters = "x"

    public var range: (start: [UInt8], end: [UInt8]) {
      let first = UInt8(ascii: "x")
      return ([first, rawValue.asciiValue!], [first, rawValue.asciiValue! + 1])
    }
  }

  public static let outputs: [UInt8] = [UInt8(ascii: "y")]

  static func changedCells(table: UInt16, grain: Grain, bucket: Int64, into writer: inout ByteWriter) {
    cells(table: table, grain: grain, bucket: bucket, into: &writer, after: UInt8(ascii: "x"))
  }

  static func changedSession(user: UInt32, start: Int64, into writer: inout ByteWriter) {
    writer.clear()
    writer.byte(UInt8(ascii: "x"))
    writer.byte(UInt8(ascii: "s"))
    writer.bigEndian32(user)
    writer.ordered64(start)
  }

  public static func deadLetter(_ number: UInt64, into writer: inout ByteWriter) {
    writer.clear()
    writer.byte(UInt8(ascii: "x"))
    writer.byte(UInt8(ascii: "x"))
    writer.bigEndian64(number)
  }

  /// What follows the first byte, or the first two in the outbox, of a key of cells.
  static func cells(
    ofKey key: UnsafeRawBufferPointer, after prefix: Int
  ) throws(Failure) -> (table: UInt16, grain: Grain, bucket: Int64) {
    var reader = ByteReader(key, "cell key")
    _ = try reader.raw(prefix)
    let table = UInt16(try reader.byte()) << 8 | UInt16(try reader.byte())
    guard let grain = Grain(rawValue: try reader.byte()) else { throw .corrupt("cell key: unknown grain") }
    return (table, grain, try reader.ordered64())
  }

  /// The bucket in a cell key.
  static func bucket(ofCellKey key: UnsafeRawBufferPointer) throws(Failure) -> Int64 {
    var reader = ByteReader(key, "cell key")
    _ = try reader.raw(4)
    return try reader.ordered64()
  }

  public static func rejected(_ number: UInt64, into writer: inout ByteWriter) {
    writer.clear()
    writer.byte(UInt8(ascii: "q"))
    writer.bigEndian64(number)
  }

  /// Start and end of all keys with a first byte.
  public static func all(_ kind: Character) -> (start: [UInt8], end: [UInt8]) {
    let byte = kind.asciiValue!
    return ([byte], [byte + 1])
  }
}
