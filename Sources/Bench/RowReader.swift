import Basics
import Glibc

/// One row of answers: what it is about, and its numbers exactly as they were printed.
struct AnswerRow: Equatable {
  struct Value: Equatable {
    /// The digits without their point.
    var units: Int128
    /// Digits after the point; -1 for a value that is no number, which then equals nothing.
    var scale: Int
  }

  /// The key columns, a zero byte behind each, so that order by bytes is order by column.
  var key: [UInt8]
  var values: [Value]

  /// As it stood in the file.
  var text: String {
    let keys = key.split(separator: 0, omittingEmptySubsequences: false).dropLast().map {
      String(decoding: $0, as: UTF8.self)
    }
    return (keys + values.map { $0.scale < 0 ? "?" : DecimalText.format($0.units, scale: $0.scale) })
      .joined(separator: ",")
  }
}

/// Rows of a CSV file in order, a megabyte in memory at a time. The first line is a header.
final class RowReader {
  private let path: String
  private let file: Int32
  private let keyColumns: Int
  private var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
  private var start = 0
  private var end = 0
  private(set) var current: AnswerRow?

  init(_ path: String, keyColumns: Int) throws(Failure) {
    self.path = path
    self.keyColumns = keyColumns
    file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw .unavailable("cannot open \(path): \(String(cString: strerror(errno)))") }
    guard try line() != nil else { throw .unavailable("\(path) is empty") }
    try advance()
  }

  deinit {
    close(file)
    buffer.deallocate()
  }

  /// - Errors: `.corrupt` when rows are not in the order of their keys, or the last line has no end.
  func advance() throws(Failure) {
    let last = current
    current = try line().map(parse)
    if let last, let current, !last.key.lexicographicallyPrecedes(current.key) {
      throw .corrupt("\(path): '\(current.text)' does not come after '\(last.text)'")
    }
  }

  private func line() throws(Failure) -> UnsafeRawBufferPointer? {
    var searched = start
    while true {
      if let newline = buffer[searched..<end].firstIndex(of: UInt8(ascii: "\n")) {
        var line = buffer[start..<newline]
        start = newline + 1
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return UnsafeRawBufferPointer(rebasing: line)
      }
      searched = end - start
      if start > 0 {
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<end]))
        (start, end) = (0, end - start)
      }
      guard end < buffer.count else { throw .corrupt("\(path): a line is longer than \(buffer.count) bytes") }
      let count = read(file, buffer.baseAddress! + end, buffer.count - end)
      guard count >= 0 else { throw .unavailable("cannot read \(path): \(String(cString: strerror(errno)))") }
      if count == 0 {
        guard start == end else { throw .corrupt("\(path): the last line is cut off") }
        return nil
      }
      end += count
    }
  }

  private func parse(_ line: UnsafeRawBufferPointer) -> AnswerRow {
    var row = AnswerRow(key: [], values: [])
    row.key.reserveCapacity(line.count)
    for (column, field) in line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).enumerated() {
      if column < keyColumns {
        row.key.append(contentsOf: field)
        row.key.append(0)
      } else {
        row.values.append(RowReader.value(field))
      }
    }
    return row
  }

  private static func value(_ field: Slice<UnsafeRawBufferPointer>) -> AnswerRow.Value {
    var units: Int128 = 0
    var point: Int?
    let isNegative = field.first == UInt8(ascii: "-")
    let digits = isNegative ? field.dropFirst() : field
    var isNumber = !digits.isEmpty && digits.count <= 38
    for (index, byte) in digits.enumerated() {
      if byte == UInt8(ascii: "."), point == nil {
        point = index
      } else if byte >= 48, byte <= 57, isNumber {
        units = units * 10 + Int128(byte - 48)
      } else {
        isNumber = false
      }
    }
    let scale = point.map { digits.count - 1 - $0 } ?? 0
    return AnswerRow.Value(units: isNegative ? -units : units, scale: isNumber ? scale : -1)
  }
}
