import Basics
import Glibc

/// Short records whose ids have not been seen, with a resend of any earlier one behind every fiftieth: about 120 bytes
/// each, in the order of their times, over one day. Any record can be made again from its number, so nothing is remembered.
public final class IdentifierFeed {
  private let distinct: Int
  private let users: UInt64
  private let seed: UInt64
  private static let start: Int64 = 1_772_323_200_000
  private static let types: [StaticString] = ["page_view", "view_item", "add_to_cart", "click", "search"]
  /// By hour and type.
  private var counts: [Int]

  public private(set) var lines = 0

  public init(distinct: Int, users: Int, seed: Int) {
    self.distinct = distinct
    self.users = UInt64(users)
    self.seed = UInt64(seed)
    counts = Array(repeating: 0, count: 24 * IdentifierFeed.types.count)
  }

  public static func lines(distinct: Int) -> Int { distinct + distinct / 50 }

  /// Writes all records to a pipe or file; returns early, without an error, when nobody reads any more.
  public func write(to file: Int32) {
    var bytes = ByteWriter(capacity: 1 << 18)
    for number in 0..<distinct {
      put(number, &bytes)
      counts[hour(number) * IdentifierFeed.types.count + type(number)] += 1
      lines += 1
      if number % 50 == 49 {
        let earlier = mix(UInt64(number) ^ 0x7265_7365_6e64).multipliedFullWidth(by: UInt64(number + 1)).high
        put(Int(earlier), &bytes)
        lines += 1
      }
      if bytes.count > 1 << 17 {
        do throws(Failure) { try File.write(bytes.bytes, to: file, "the pipe") } catch { return }
        bytes.clear()
      }
    }
    try? File.write(bytes.bytes, to: file, "the pipe")
  }

  /// bucket, type: events. After `write`.
  public func writeExpected(to path: String) throws(Failure) {
    var rows = try RowWriter(path)
    rows.header("bucket,event_type,events")
    let order = IdentifierFeed.types.indices.sorted {
      "\(IdentifierFeed.types[$0])".utf8.lexicographicallyPrecedes("\(IdentifierFeed.types[$1])".utf8)
    }
    for hour in 0..<24 {
      for type in order where counts[hour * IdentifierFeed.types.count + type] > 0 {
        rows.row(
          [
            RowWriter.time(IdentifierFeed.start + Int64(hour) * Timestamp.hour),
            "\(IdentifierFeed.types[type])",
          ], [String(counts[hour * IdentifierFeed.types.count + type])])
      }
    }
    try rows.finish()
  }

  private func time(_ number: Int) -> Int64 {
    IdentifierFeed.start + Int64((UInt128(number) * UInt128(Timestamp.day)) / UInt128(max(1, distinct)))
  }

  private func hour(_ number: Int) -> Int { Int((time(number) - IdentifierFeed.start) / Timestamp.hour) }

  private func type(_ number: Int) -> Int { Int(mix(UInt64(number)) >> 32) % IdentifierFeed.types.count }

  private func put(_ number: Int, _ bytes: inout ByteWriter) {
    let draw = mix(UInt64(number))
    func text(_ text: StaticString) {
      bytes.raw(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
    text("{\"event_id\":\"")
    // No two numbers have the same mixture, so no two ids are equal.
    hexadecimal(draw, 16, &bytes)
    text("-")
    hexadecimal(mix(draw), 16, &bytes)
    text("\",\"event_type\":\"")
    text(IdentifierFeed.types[type(number)])
    text("\",\"user_id\":\"u-")
    decimal(mix(draw ^ 0x75).multipliedFullWidth(by: users).high, 8, &bytes)
    text("\",\"timestamp\":")
    decimal(UInt64(time(number)), 13, &bytes)
    text("}\n")
  }

  private func hexadecimal(_ value: UInt64, _ digits: Int, _ bytes: inout ByteWriter) {
    for shift in stride(from: digits * 4 - 4, through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 15
      bytes.byte(digit < 10 ? 48 + digit : 87 + digit)
    }
  }

  private func decimal(_ value: UInt64, _ digits: Int, _ bytes: inout ByteWriter) {
    var power: UInt64 = 1
    for _ in 1..<digits { power *= 10 }
    while power > 0 {
      bytes.byte(48 + UInt8(truncatingIfNeeded: value / power % 10))
      power /= 10
    }
  }

  /// One number for one number. Source: the finalizer of SplitMix64.
  private func mix(_ value: UInt64) -> UInt64 {
    var z = value &+ seed &* 0x9e37_79b9_7f4a_7c15
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
