import Basics
import CZlib
import CZstd

/// Decompresses a body that somebody sent, whom nobody trusts: what it becomes is bounded, and so is the memory on the way.
public final class CompressedBody {
  public enum Encoding: Sendable {
    case gzip
    case zstd
  }

  public enum Outcome: Equatable, Sendable {
    case whole
    /// It becomes more bytes than allowed, or would need more memory than that.
    case tooLarge
    /// Not of that encoding, cut off, or followed by something else.
    case damaged
    /// `mayGrow` said no.
    case refused
  }

  private static let stepBytes = 256 << 10
  /// A frame may ask for a window of up to 2 GiB; ours are small.
  private static let windowLog: Int32 = 23

  public init() {}

  /// Appends what `body` becomes to `output`.
  ///
  /// - `limit`: the most bytes it may become.
  /// - `mayGrow`: asked before so many more bytes are taken.
  public func inflate(
    _ body: UnsafeRawBufferPointer, _ encoding: Encoding, limit: Int, into output: inout ByteWriter,
    mayGrow: (Int) -> Bool
  ) -> Outcome {
    let decoder: any TextDecoder =
      switch encoding {
      case .gzip: GzipStream()
      case .zstd: ZstdStream(windowLog: CompressedBody.windowLog)
      }
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: CompressedBody.stepBytes, alignment: 16)
    defer { room.deallocate() }
    var consumed = 0
    var produced = 0
    var allowed = 0
    while true {
      let step = decoder.decode(UnsafeRawBufferPointer(rebasing: body[consumed...]), into: room)
      consumed += step.consumed
      produced += step.produced
      if produced > limit { return .tooLarge }
      if produced > allowed {
        guard mayGrow(CompressedBody.stepBytes) else { return .refused }
        allowed += CompressedBody.stepBytes
      }
      output.raw(UnsafeRawBufferPointer(rebasing: room[..<step.produced]))
      if step.damage != nil { return .damaged }
      guard step.consumed == 0, step.produced == 0 else { continue }
      return consumed == body.count && decoder.isComplete ? .whole : .damaged
    }
  }
}
