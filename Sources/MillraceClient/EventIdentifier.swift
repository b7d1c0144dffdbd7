import Foundation

/// A UUID of version 7 (RFC 9562): 48 bits of Unix milliseconds, then 74 of chance.
enum EventIdentifier {
  static func make(_ date: Date) -> String {
    // Times before 1970 and beyond 10889 have no such id; the event keeps its time, only the id does not show it.
    let milliseconds = UInt64(min(max(date.timeIntervalSince1970 * 1_000, 0), Double(1 << 48 - 1)))
    var bytes = (0..<6).map { UInt8(truncatingIfNeeded: milliseconds >> UInt64(40 - 8 * $0)) }
    for _ in 6..<16 { bytes.append(.random(in: .min ... .max)) }
    bytes[6] = bytes[6] & 0x0f | 0x70
    bytes[8] = bytes[8] & 0x3f | 0x80
    let hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    return [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { hex[$0].joined() }.joined(separator: "-")
  }
}
