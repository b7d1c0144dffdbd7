import Basics
import Dataflow
import Events
import Logs
import Stores

/// A record that was read and not counted: unusable, in the future, or late.
public struct RejectedRecord: Equatable, Sendable {
  public var partition: Int
  /// In the partition's log; for files, the index of the record.
  public var offset: Int64
  /// Milliseconds; nil in logs without stamps.
  public var stamp: Int64?
  /// Bytes of the whole record.
  public var length: Int
  /// `Verdict.late` or a `Rejection`'s raw value.
  public var verdict: UInt8
  public var detail: UInt8
  /// The first 4 KiB.
  public var bytes: [UInt8]

  /// A stable name: `late`, `invalid_json`...
  public var reason: String { RejectedRecord.reason(verdict) }

  static func reason(_ verdict: UInt8) -> String {
    verdict == Verdict.late ? "late" : Rejection(rawValue: verdict)?.code ?? "unknown"
  }

  /// A sentence for a person.
  public var message: String {
    if verdict == Verdict.late { return "the event is older than the horizon allows" }
    return Rejection(rawValue: verdict)?.message(detail: detail) ?? "an unknown reason (\(verdict))"
  }
}

/// Writes rejected records beside the state, in the same commit, and lists them. Kept for 30 days of stamps; counts are kept
/// forever, in the ledger.
enum RejectedRecords {
  static let keptBytes = 4_096
  static let keptMilliseconds = 30 * Timestamp.day

  struct Scratch: ~Copyable {
    var key = ByteWriter()
    var value = ByteWriter()
  }

  /// - `lists`: whether they are put into the outbox, too, for the dead letters.
  static func put(
    _ slice: LogSlice, _ batch: EventBatch, lists: Bool, into transaction: Transaction, _ scratch: inout Scratch
  ) {
    for row in 0..<batch.count where batch.status[row] != Verdict.counted && batch.status[row] != Verdict.duplicate {
      let range = slice.ranges[row]
      KeyLayout.rejected(UInt64(bitPattern: slice.offsets[row]), into: &scratch.key)
      scratch.value.clear()
      scratch.value.byte(batch.status[row])
      scratch.value.byte(batch.detail[row])
      scratch.value.ordered64(slice.stamps[row])
      scratch.value.varint(UInt64(range.fullLength))
      let kept = min(Int(range.length), keptBytes)
      scratch.value.raw(UnsafeRawBufferPointer(start: slice.bytes + Int(range.offset), count: kept))
      transaction.put(scratch.key.bytes, scratch.value.bytes)
      if lists { DeadLetters.put(slice, row, verdict: batch.status[row], into: transaction, &scratch) }
    }
  }

  static func decode(
    _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, partition: Int
  ) throws(Failure) -> RejectedRecord {
    var keyReader = ByteReader(key, "rejected record key")
    _ = try keyReader.byte()
    let offset = Int64(bitPattern: try keyReader.bigEndian64())
    var reader = ByteReader(value, "rejected record")
    let verdict = try reader.byte()
    let detail = try reader.byte()
    let stamp = try reader.ordered64()
    let length = try reader.count()
    return RejectedRecord(
      partition: partition, offset: offset, stamp: stamp == .min ? nil : stamp, length: length, verdict: verdict,
      detail: detail, bytes: Array(try reader.raw(reader.remaining)))
  }

  /// In offset order, until `body` returns false; false when it did.
  static func list(
    _ snapshot: Snapshot, partition: Int, _ body: (RejectedRecord) throws(Failure) -> Bool
  ) throws(Failure) -> Bool {
    let all = KeyLayout.all("q")
    var goOn = true
    try snapshot.scan(from: all.start, to: all.end) { key, value throws(Failure) in
      goOn = try body(try decode(key, value, partition: partition))
      return goOn
    }
    return goOn
  }

  /// Forgets those appended more than 30 days before the newest stamp. Stamps never fall, so they stand first.
  static func expire(_ store: Store, newestStamp: Int64, into transaction: Transaction) throws(Failure) {
    let all = KeyLayout.all("q")
    var end: [UInt8]?
    try store.snapshot().scan(from: all.start, to: all.end) { key, value throws(Failure) in
      let record = try decode(key, value, partition: 0)
      guard let stamp = record.stamp, stamp < newestStamp - keptMilliseconds else { return false }
      end = Array(key) + [0]
      return true
    }
    if let end { all.start.withUnsafeBytes { transaction.deleteRange($0, end) } }
  }
}
