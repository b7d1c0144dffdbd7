import CZlib

/// Decompresses `.gz` text piece by piece: any number of members one after another, then nothing or zero bytes.
final class GzipStream: TextDecoder {
  // In memory of its own: zlib keeps the address of the structure and refuses one that has moved.
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private var isInsideMember = true
  private var isPadding = false

  init() {
    stream.initialize(to: z_stream())
    // 15 window bits, and 16 for "a gzip header, nothing else".
    let result = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(result == Z_OK, "zlib could not start: \(result)")
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  var isComplete: Bool { !isInsideMember }

  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) -> (consumed: Int, produced: Int, damage: String?) {
    var consumed = 0
    var produced = 0
    while true {
      if !isInsideMember {
        guard consumed < input.count else { return (consumed, produced, nil) }
        // Tools that write to tapes and blocks pad with zeros; nothing may follow them.
        if input[consumed] == 0 {
          isPadding = true
          consumed += 1
          continue
        }
        if isPadding { return (consumed, produced, "there is something else behind its end") }
        inflateReset(stream)
        isInsideMember = true
      }
      stream.pointee.next_in = UnsafeMutablePointer(
        mutating: input.baseAddress.map { $0.assumingMemoryBound(to: UInt8.self) + consumed })
      stream.pointee.avail_in = UInt32(input.count - consumed)
      stream.pointee.next_out = output.baseAddress!.assumingMemoryBound(to: UInt8.self) + produced
      stream.pointee.avail_out = UInt32(output.count - produced)
      let result = inflate(stream, Z_NO_FLUSH)
      consumed = input.count - Int(stream.pointee.avail_in)
      produced = output.count - Int(stream.pointee.avail_out)
      switch result {
      case Z_STREAM_END: isInsideMember = false
      // Z_BUF_ERROR: out of input or of room, which the caller sees from the numbers.
      case Z_OK, Z_BUF_ERROR: return (consumed, produced, nil)
      default:
        return (consumed, produced, stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(result)")
      }
    }
  }
}
