import Basics
import Events

/// What one row of a batch says, copied out of it.
struct Row: Equatable {
  var rejection: Rejection?
  var field: EventField?
  var time: Int64
  var userKey: Key128
  var eventKey: Key128
  var check: UInt32
  var partitionHash: UInt32
  var eventID: String
  var user: String
  var eventType: String
  /// One text per column: numbers in decimal, nil where the value is missing.
  var values: [String?]
  var hashes: [UInt32]
}

extension EventBatch {
  func row(_ row: Int) -> Row {
    var values: [String?] = []
    var hashes: [UInt32] = []
    for (index, column) in projection.columns.enumerated() {
      if column.kind == .text {
        let text = texts(index)[row]
        values.append(text.isMissing ? nil : text.string)
        hashes.append(text.hash)
      } else {
        let number = numbers(index)[row]
        values.append(number == .min ? nil : String(number))
      }
    }
    return Row(
      rejection: status[row] == 0 ? nil : Rejection(rawValue: status[row])!, field: EventField(rawValue: detail[row]),
      time: time[row], userKey: userKey[row], eventKey: eventKey[row], check: check[row],
      partitionHash: partitionHash[row], eventID: eventID[row].string, user: user[row].string,
      eventType: eventType[row].string, values: values, hashes: hashes)
  }

  /// Decodes records that stand one directly behind the other.
  func rows(_ records: [[UInt8]]) -> [Row] {
    var bytes: [UInt8] = []
    var ranges: [ByteRange] = []
    for record in records {
      ranges.append(ByteRange(offset: UInt32(bytes.count), length: UInt32(record.count)))
      bytes += record
    }
    // Exactly as long as the records: reading on is then a fault a sanitizer sees.
    let exact = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
    exact.initialize(from: bytes, count: bytes.count)
    defer { exact.deallocate() }
    decode(exact, ranges: ranges, count: ranges.count)
    return (0..<count).map { row($0) }
  }
}

func projection(_ columns: [(String, Projection.Kind)]) -> Projection {
  var projection = Projection()
  for (path, kind) in columns {
    _ = projection.add(Projection.Column(path: path.split(separator: ".").map(String.init), kind: kind))
  }
  return projection
}

func decodeOne(_ record: String, _ columns: [(String, Projection.Kind)] = []) -> Row {
  EventBatch(projection: projection(columns)).rows([Array(record.utf8)])[0]
}

/// A usable event with more text before its closing brace.
func event(_ more: String = "") -> String {
  #"{"event_id":"e1","event_type":"view","user_id":"u1","timestamp":"2026-03-01T09:00:00Z"\#(more.isEmpty ? "" : ",")\#(more)}"#
}
