import Basics

/// The 56 bytes before every batch of a segment, little-endian:
///
///     0  magic "MLRB"          4  CRC-32C of bytes 8..<56      8  CRC-32C of the stored payload
///     12 stored bytes          16 bytes uncompressed           20 records
///     24 first offset          32 first stamp                  40 last stamp (both milliseconds)
///     48 codec: 0 as it is, 1 zstd                             49 seven zero bytes
///
/// The payload is, per record: stamp minus the one before (the first: minus the first stamp) as varint, length as
/// varint, bytes. The header has a sum of its own so that a walk over headers needs no payloads and still trusts lengths.
struct BatchHeader: Equatable {
  static let byteCount = 56
  static let magic: UInt32 = 0x4252_4c4d

  var payloadCheck: UInt32
  var storedBytes: Int
  var rawBytes: Int
  var records: Int
  var base: Int64
  var firstStamp: Int64
  var lastStamp: Int64
  var isCompressed: Bool

  /// The offset after the last record.
  var end: Int64 { base + Int64(records) }
  /// Bytes of the whole batch in the file.
  var totalBytes: Int { BatchHeader.byteCount + storedBytes }

  func encode(into writer: inout ByteWriter) {
    var fields = ByteWriter(capacity: 64)
    fields.fixed32(payloadCheck)
    fields.fixed32(UInt32(storedBytes))
    fields.fixed32(UInt32(rawBytes))
    fields.fixed32(UInt32(records))
    fields.fixed64(UInt64(bitPattern: base))
    fields.fixed64(UInt64(bitPattern: firstStamp))
    fields.fixed64(UInt64(bitPattern: lastStamp))
    fields.fixed64(isCompressed ? 1 : 0)
    writer.fixed32(BatchHeader.magic)
    writer.fixed32(Checksum.crc32c(fields.bytes))
    writer.raw(fields.bytes)
  }

  init(
    payloadCheck: UInt32, storedBytes: Int, rawBytes: Int, records: Int, base: Int64, firstStamp: Int64,
    lastStamp: Int64, isCompressed: Bool
  ) {
    self.payloadCheck = payloadCheck
    self.storedBytes = storedBytes
    self.rawBytes = rawBytes
    self.records = records
    self.base = base
    self.firstStamp = firstStamp
    self.lastStamp = lastStamp
    self.isCompressed = isCompressed
  }

  /// Nil when `bytes` do not begin with an intact header.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= BatchHeader.byteCount else { return nil }
    func word(_ index: Int) -> UInt32 {
      UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self))
    }
    func long(_ index: Int) -> Int64 {
      Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: Int64.self))
    }
    guard word(0) == BatchHeader.magic,
      word(4) == Checksum.crc32c(UnsafeRawBufferPointer(rebasing: bytes[8..<BatchHeader.byteCount]))
    else { return nil }
    self.init(
      payloadCheck: word(8), storedBytes: Int(word(12)), rawBytes: Int(word(16)), records: Int(word(20)),
      base: long(24), firstStamp: long(32), lastStamp: long(40), isCompressed: bytes[48] == 1)
    guard bytes[48] <= 1, records > 0, rawBytes >= records * 2 else { return nil }
  }
}
