import Glibc

/// What the expected answers read from a line: naively, by looking for the members' texts from front to back. Only for lines
/// of `Workload`, in which they stand in this order and nothing is escaped.
struct LineFields {
  /// The 122 bits of a UUID and its fixed ones.
  let eventID: (high: UInt64, low: UInt64)
  let eventType: UnsafeRawBufferPointer
  /// Where the text of the timestamp is in the line.
  let timestamp: Range<Int>
  let deviceType: UnsafeRawBufferPointer
  let country: UnsafeRawBufferPointer
  /// Hundredths; nil when the event has none.
  let amount: Int64?

  init(_ line: UnsafeRawBufferPointer) {
    var place = 0
    func text(after member: StaticString) -> Range<Int> {
      guard let start = LineFields.place(after: member, in: line, from: place),
        let end = line[start...].firstIndex(of: UInt8(ascii: "\""))
      else { preconditionFailure("a line without \(member)") }
      place = end
      return start..<end
    }
    func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: line[range]) }
    eventID = LineFields.number(bytes(text(after: "\"event_id\":\"")))
    eventType = bytes(text(after: "\"event_type\":\""))
    timestamp = text(after: "\"timestamp\":\"")
    deviceType = bytes(text(after: "\"device\":{\"type\":\""))
    country = bytes(text(after: "\"country\":\""))
    amount = LineFields.place(after: "\"amount\":", in: line, from: place).map { LineFields.hundredths(line, at: $0) }
  }

  private static func number(_ uuid: UnsafeRawBufferPointer) -> (high: UInt64, low: UInt64) {
    precondition(uuid.count == 36, "an event id of \(uuid.count) bytes")
    var digits: UInt128 = 0
    for byte in uuid where byte != UInt8(ascii: "-") { digits = digits << 4 | UInt128(hexadecimal(byte)) }
    return (UInt64(truncatingIfNeeded: digits >> 64), UInt64(truncatingIfNeeded: digits))
  }

  private static func hundredths(_ line: UnsafeRawBufferPointer, at start: Int) -> Int64 {
    var whole: Int64 = 0
    var index = start
    while line[index] != UInt8(ascii: ".") {
      whole = whole * 10 + Int64(line[index] - 48)
      index += 1
    }
    return whole * 100 + Int64(line[index + 1] - 48) * 10 + Int64(line[index + 2] - 48)
  }

  static func hexadecimal(_ byte: UInt8) -> UInt8 { byte < 58 ? byte - 48 : byte - 87 }

  /// Every member begins with a quote.
  private static func place(after member: StaticString, in line: UnsafeRawBufferPointer, from start: Int) -> Int? {
    let (base, length) = (line.baseAddress!, member.utf8CodeUnitCount)
    var place = start
    while place + length <= line.count, let quote = memchr(base + place, 0x22, line.count - length + 1 - place) {
      place = UnsafeRawPointer(quote) - base
      if memcmp(base + place, member.utf8Start, length) == 0 { return place + length }
      place += 1
    }
    return nil
  }
}

/// A handful of texts by code.
struct FewTexts {
  private(set) var texts: [[UInt8]] = []

  mutating func code(_ text: UnsafeRawBufferPointer) -> UInt8 {
    for (code, known) in texts.enumerated() where known.count == text.count {
      if memcmp(known, text.baseAddress!, text.count) == 0 { return UInt8(code) }
    }
    precondition(texts.count < 256, "more texts than a code can name")
    texts.append(Array(text))
    return UInt8(texts.count - 1)
  }

  /// By code, its place among the texts in the order of their bytes.
  var ranks: [UInt8] {
    let order = texts.indices.sorted { texts[$0].lexicographicallyPrecedes(texts[$1]) }
    var ranks = [UInt8](repeating: 0, count: texts.count)
    for (rank, code) in order.enumerated() { ranks[code] = UInt8(rank) }
    return ranks
  }

  var sorted: [String] {
    texts.sorted { $0.lexicographicallyPrecedes($1) }.map { String(decoding: $0, as: UTF8.self) }
  }
}
