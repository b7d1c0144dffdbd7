import Basics
import Glibc

/// Steps through the batches of one segment file without keeping payloads.
struct SegmentWalk {
  let file: OpenFile
  /// Bytes of the file that may be looked at.
  let limit: Int

  /// Nil when no intact header stands there.
  func header(at byte: Int) throws(Failure) -> BatchHeader? {
    try withUnsafeTemporaryBytes(BatchHeader.byteCount, at: byte) { BatchHeader($0) }
  }

  /// Whether the payload behind `header` is what was written.
  func isIntact(_ header: BatchHeader, at byte: Int) throws(Failure) -> Bool {
    guard byte + header.totalBytes <= limit else { return false }
    return try withUnsafeTemporaryBytes(header.storedBytes, at: byte + BatchHeader.byteCount) {
      $0.count == header.storedBytes && Checksum.crc32c($0) == header.payloadCheck
    }
  }

  /// Where the first intact batch of an offset beyond `base` begins after `byte`; nil when there is none.
  func firstIntact(after byte: Int, base: Int64) throws(Failure) -> Int? {
    let window = 1 << 20
    var start = byte + 1
    while start < limit {
      // Windows overlap by a header, so none is missed at a border.
      let candidates = try withUnsafeTemporaryBytes(min(window + BatchHeader.byteCount, limit - start), at: start) {
        bytes in
        (0..<min(window, bytes.count)).filter { index in
          bytes[index] == UInt8(truncatingIfNeeded: BatchHeader.magic)
            && BatchHeader(UnsafeRawBufferPointer(rebasing: bytes[index...])).map { $0.base > base } ?? false
        }
      }
      for candidate in candidates {
        if let header = try header(at: start + candidate), try isIntact(header, at: start + candidate) {
          return start + candidate
        }
      }
      start += window
    }
    return nil
  }

  private func withUnsafeTemporaryBytes<Result>(
    _ count: Int, at byte: Int, _ body: (UnsafeRawBufferPointer) -> Result
  ) throws(Failure) -> Result {
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 16)
    defer { room.deallocate() }
    let got = try file.read(into: room.baseAddress!, count: min(count, max(0, limit - byte)), at: byte)
    return body(UnsafeRawBufferPointer(rebasing: room[..<got]))
  }
}
