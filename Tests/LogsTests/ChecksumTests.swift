import CChecksum
import Seeded
import Testing

@testable import Logs

/// The instruction, the tables and the published check value must agree, however the input is cut.
@Suite struct ChecksumTests {
  @Test func knownValue() {
    Array("123456789".utf8).withUnsafeBytes { #expect(Checksum.crc32c($0) == 0xe306_9283) }
  }

  @Test func instructionAndTablesAgree() {
    var dice = SeededRandom(seed: 1)
    let bytes = dice.bytes(60_000, from: 0...255)
    bytes.withUnsafeBytes { bytes in
      for _ in 0..<300 {
        let start = dice.below(2_000)
        let end = start + dice.below(dice.below(2) == 0 ? 1_000 : 58_000)
        let cut = start + dice.below(end - start + 1)
        let whole = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        let first = Checksum.crc32c(UnsafeRawBufferPointer(rebasing: bytes[start..<cut]))
        let sum = Checksum.crc32c(UnsafeRawBufferPointer(rebasing: bytes[cut..<end]), after: first)
        #expect(sum == checksum_crc32c_portable(0, whole.baseAddress!, whole.count))
        #expect(sum == checksum_crc32c_unfolded(0, whole.baseAddress!, whole.count))
        #expect(sum == Checksum.crc32c(whole))
      }
    }
  }
}
