import Glibc

/// How the embedded log writes and keeps.
public struct SegmentLogOptions: Sendable {
  /// A segment is closed at the first write after it has this many bytes.
  public var segmentBytes = 256 << 20
  /// Uncompressed bytes of a batch: what a reader decompresses to reach one record.
  public var batchBytes = 512 << 10
  /// Appends are refused while the file system has fewer bytes free than this.
  public var reserveBytes: Int64 = 512 << 20
  /// Segments last written to longer ago than this are removed; nil keeps them for ever.
  public var retentionMilliseconds: Int64?
  /// The oldest segments are removed while the whole log is larger than this; nil sets no limit.
  public var retentionBytes: Int64?

  /// Seams for tests of a failing disk: the calls themselves, with their C results.
  var syncFile: @Sendable (Int32) -> Int32 = { fdatasync($0) }
  var writeFile: @Sendable (Int32, UnsafeRawPointer, Int, Int) -> Int = { pwrite($0, $1, $2, off_t($3)) }

  public init() {}
}
