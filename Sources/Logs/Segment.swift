import Basics
import Glibc

/// One file of a partition: batches of consecutive offsets from `base` on. Guarded by its partition's lock.
final class Segment {
  /// One index entry about every so many bytes of the file.
  private static let indexStep = 1 << 20

  let base: Int64
  let path: String
  /// Bytes of whole batches; more may stand in the file while one is being written.
  var byteCount: Int
  /// Bytes that a completed fdatasync covers. Readers see no more.
  var durableBytes: Int
  private var index: [(offset: Int64, byte: Int)]

  init(directory: String, base: Int64, byteCount: Int) {
    self.base = base
    path = "\(directory)/\(Segment.name(base))"
    self.byteCount = byteCount
    durableBytes = byteCount
    index = [(base, 0)]
  }

  /// Remembers where the batch that begins with `offset` stands, if the last entry is far enough away.
  func note(offset: Int64, byte: Int) {
    if let last = index.last, byte >= last.byte + Segment.indexStep { index.append((offset, byte)) }
  }

  /// A batch at or before the one that holds `offset`.
  func floor(_ offset: Int64) -> (offset: Int64, byte: Int) {
    index.last { $0.offset <= offset } ?? (base, 0)
  }

  /// `00000000000001048576.seg`
  static func name(_ base: Int64) -> String {
    let digits = String(base)
    return String(repeating: "0", count: max(0, 20 - digits.count)) + digits + ".seg"
  }

  /// The base offset in a name of that form, else nil.
  static func base(ofName name: String) -> Int64? {
    guard name.utf8.count == 24, name.hasSuffix(".seg") else { return nil }
    return Int64(name.dropLast(4))
  }
}
