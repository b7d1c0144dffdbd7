import Basics
import CZstd

/// Compresses and decompresses whole blocks; keeps libzstd's contexts between calls. Owned by one thread at a time.
final class Zstd {
  private let compressor: OpaquePointer
  private let decompressor: OpaquePointer

  init() {
    compressor = ZSTD_createCCtx()
    decompressor = ZSTD_createDCtx()
  }

  deinit {
    ZSTD_freeCCtx(compressor)
    ZSTD_freeDCtx(decompressor)
  }

  /// The most bytes that `count` bytes can become.
  static func bound(_ count: Int) -> Int { ZSTD_compressBound(count) }

  /// Compresses at level 1 and returns the compressed size. `room` must be at least `bound(bytes.count)`.
  func compress(_ bytes: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer) -> Int {
    let size = ZSTD_compressCCtx(compressor, room.baseAddress, room.count, bytes.baseAddress, bytes.count, 1)
    precondition(ZSTD_isError(size) == 0, "zstd could not compress \(bytes.count) bytes into \(room.count)")
    return size
  }

  /// Whether `bytes` were exactly one frame of `count` bytes, which now stand at `target`.
  func decompress(_ bytes: UnsafeRawBufferPointer, into target: UnsafeMutableRawPointer, count: Int) -> Bool {
    ZSTD_decompressDCtx(decompressor, target, count, bytes.baseAddress, bytes.count) == count
  }
}

/// Decompresses `.zst` text piece by piece: any number of frames one after another.
final class ZstdStream: TextDecoder {
  private let stream: OpaquePointer
  private var isInsideFrame = false

  /// - `windowLog`: frames that would need more than 2 to the power of it bytes of memory are damaged; nil: libzstd's limit.
  init(windowLog: Int32? = nil) {
    stream = ZSTD_createDStream()
    ZSTD_initDStream(stream)
    if let windowLog { ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, windowLog) }
  }

  deinit { ZSTD_freeDStream(stream) }

  var isComplete: Bool { !isInsideFrame }

  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) -> (consumed: Int, produced: Int, damage: String?) {
    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    // A call without input at the end of a frame would count as the start of the next one.
    while target.pos < target.size, source.pos < source.size || isInsideFrame {
      let before = (source.pos, target.pos)
      let result = ZSTD_decompressStream(stream, &target, &source)
      if ZSTD_isError(result) != 0 { return (source.pos, target.pos, String(cString: ZSTD_getErrorName(result))) }
      isInsideFrame = result != 0
      if before == (source.pos, target.pos) { break }
    }
    return (source.pos, target.pos, nil)
  }
}
