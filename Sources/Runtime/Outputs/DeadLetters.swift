import Basics
import Dataflow
import Events
import Logs
import Stores

/// Rejected records on their way to the topic for dead letters: whole, as far as the log's reader kept them.
enum DeadLetters {
  static func put(
    _ slice: LogSlice, _ row: Int, verdict: UInt8, into transaction: Transaction,
    _ scratch: inout RejectedRecords.Scratch
  ) {
    let range = slice.ranges[row]
    KeyLayout.deadLetter(UInt64(bitPattern: slice.offsets[row]), into: &scratch.key)
    scratch.value.clear()
    scratch.value.byte(verdict)
    scratch.value.ordered64(slice.stamps[row])
    scratch.value.varint(UInt64(range.fullLength))
    scratch.value.raw(UnsafeRawBufferPointer(start: slice.bytes + Int(range.offset), count: Int(range.length)))
    transaction.put(scratch.key.bytes, scratch.value.bytes)
  }

  /// One record, and the headers that say where it was and why it was not counted.
  static func record(
    _ key: UnsafeRawBufferPointer, _ entry: UnsafeRawBufferPointer, topic: String, partition: Int
  ) throws(Failure) -> (record: OutputRecord, headers: [(name: String, value: String)]) {
    var keyReader = ByteReader(key, "dead letter key")
    _ = try keyReader.raw(2)
    let offset = Int64(bitPattern: try keyReader.bigEndian64())
    var reader = ByteReader(entry, "dead letter")
    let verdict = try reader.byte()
    let stamp = try reader.ordered64()
    let length = try reader.count()
    let bytes = Array(try reader.raw(reader.remaining))
    var json = JSONText()
    json.object { json in
      json.field("topic", topic)
      json.field("partition", partition)
      json.field("offset", offset)
    }
    var headers = [
      (name: "millrace-reason", value: RejectedRecord.reason(verdict)), (name: "millrace-topic", value: topic),
      (name: "millrace-partition", value: String(partition)), (name: "millrace-offset", value: String(offset)),
    ]
    if stamp != .min { headers.append((name: "millrace-stamp", value: String(stamp))) }
    if bytes.count < length { headers.append((name: "millrace-length", value: String(length))) }
    return (OutputRecord(target: .deadLetters, key: Array(json.text.utf8), value: bytes), headers)
  }
}
