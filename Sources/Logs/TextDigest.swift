import Basics

/// A running digest of all text read so far, independent of how it was cut into reads.
///
/// Low 32 bits: CRC-32C over the text, and over the length of each finished file at its end. High 32 bits: the number of
/// bytes, mixed. 0 for no text at all.
struct TextDigest: Equatable {
  private var sum: UInt32 = 0
  /// Bytes of text.
  private(set) var total: UInt64 = 0
  private var inFile: UInt64 = 0

  var value: UInt64 { UInt64(sum) | (total &* 0x9e37_79b9_7f4a_7c15) & 0xffff_ffff_0000_0000 }

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    sum = Checksum.crc32c(bytes, after: sum)
    total += UInt64(bytes.count)
    inFile += UInt64(bytes.count)
  }

  /// A line that moves from one file to the next must show.
  mutating func endFile() {
    withUnsafeBytes(of: inFile.littleEndian) { sum = Checksum.crc32c($0, after: sum) }
    inFile = 0
  }
}
