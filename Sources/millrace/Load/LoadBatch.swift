import Basics

/// Events in one body, and their ids for the list of what was acknowledged.
struct LoadBatch: Sendable {
  static let byteLimit = 524_288
  private static let opening = Array("{\"events\":[".utf8)
  private static let closing = Array("]}".utf8)
  private static let idStart = Array("{\"event_id\":\"".utf8)

  private(set) var body = opening
  /// Nil for an event that has none.
  private(set) var ids: [String?] = []
  /// When it should be sent, of the monotonic clock.
  var dueAt: Int64 = 0

  /// False, and nothing added, when the line would be too much for one body.
  mutating func add(_ line: UnsafeRawBufferPointer) -> Bool {
    guard body.count + line.count + 1 + LoadBatch.closing.count <= LoadBatch.byteLimit else { return false }
    if !ids.isEmpty { body.append(UInt8(ascii: ",")) }
    body.append(contentsOf: line)
    ids.append(LoadBatch.id(line))
    return true
  }

  mutating func close() { body += LoadBatch.closing }

  /// The lines we make begin with their ids.
  private static func id(_ line: UnsafeRawBufferPointer) -> String? {
    guard line.count > idStart.count, line[..<idStart.count].elementsEqual(idStart) else { return nil }
    return String(decoding: line[idStart.count...].prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
  }
}
