import Basics

/// Where reading goes on in one partition, and what proves that the log is still the one it was read from.
///
/// - `offset`: the next record's offset. Files: the index of the record in the log.
/// - `file`, `byte`: files: where that record starts, in bytes of the uncompressed text. Kafka: how far behind the offset of
///   the last record `offset` is (transaction markers leave gaps; 0 when there is no last record), and the largest stamp.
/// - `check`: embedded log and Kafka: CRC-32C of the last record; files: a digest of all bytes read so far.
public struct LogPosition: Equatable, Sendable {
  public var offset: Int64
  public var file: UInt32
  public var byte: Int64
  public var check: UInt64

  public static let start = LogPosition(offset: 0, file: 0, byte: 0, check: 0)

  public init(offset: Int64, file: UInt32, byte: Int64, check: UInt64) {
    self.offset = offset
    self.file = file
    self.byte = byte
    self.check = check
  }

  /// 28 bytes.
  public func encode(into writer: inout ByteWriter) {
    writer.fixed64(UInt64(bitPattern: offset))
    writer.fixed32(file)
    writer.fixed64(UInt64(bitPattern: byte))
    writer.fixed64(check)
  }

  public init(from reader: inout ByteReader) throws(Failure) {
    offset = Int64(bitPattern: try reader.fixed64())
    file = try reader.fixed32()
    byte = Int64(bitPattern: try reader.fixed64())
    check = try reader.fixed64()
  }
}

/// Partitioned, append-only, read by offset.
///
/// Laws, checked by `checkLog` for every implementation: a reader from any position it ever returned yields exactly the
/// records that follow; offsets rise; stamps never fall; records come back byte for byte; a log that was cut or exchanged
/// before the position is refused as `.corrupt` or `.invalid`, by `reader` or by the first read that is not held up.
public protocol Log: AnyObject, Sendable {
  var partitionCount: Int { get }
  /// Whether records carry append stamps. Without them nothing is late, future, forgotten or expired.
  var hasStamps: Bool { get }
  /// The offset after the last readable record; nil when only reading to the end will tell.
  func endOffset(partition: Int) throws(Failure) -> Int64?
  /// Where reading begins when nothing has been read: behind what retention removed.
  func startPosition(partition: Int) throws(Failure) -> LogPosition
  func reader(partition: Int, from position: LogPosition) throws(Failure) -> any LogReader
}

extension Log {
  public func startPosition(partition: Int) throws(Failure) -> LogPosition { .start }

  /// The first offset of each partition.
  public func starts() throws(Failure) -> [Int64] {
    var starts: [Int64] = []
    for partition in 0..<partitionCount { starts.append(try startPosition(partition: partition).offset) }
    return starts
  }
}

/// Reads one partition in order. Owned by one thread at a time.
public protocol LogReader: AnyObject {
  /// Replaces the slice's content with the next records: at least one, at most about `maxBytes` of them or `maxRecords`;
  /// none when the end is reached for now or `isHeldUp`. `slice.end` may have moved even then, behind offsets that have no
  /// record.
  /// - Errors: `.corrupt` names the file and position; `.unavailable` when the log is away.
  func read(into slice: LogSlice, maxBytes: Int, maxRecords: Int) throws(Failure)

  /// No record of this offset or a later one is read: reads there find nothing more, as at the end. `.max` unless set.
  /// Parts of routed files have no bound.
  var bound: Int64 { get set }

  /// The last read returned nothing though the end may not be reached: other partitions have to be read first, or the log
  /// has not answered yet.
  var isHeldUp: Bool { get }
}

extension LogReader {
  public var isHeldUp: Bool { false }
}
