/// RFC 9562, version 7: 48 bits of milliseconds since 1970, then chance. Sorts by time.
enum UUIDv7 {
  static func make(milliseconds: Int64) -> String {
    var random = SystemRandomNumberGenerator()
    let high = UInt64(bitPattern: milliseconds) << 16 | 0x7000 | random.next() & 0xfff
    let low = random.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
    var text: [UInt8] = []
    text.reserveCapacity(36)
    let digits: StaticString = "0123456789abcdef"
    for nibble in 0..<32 {
      if [8, 12, 16, 20].contains(nibble) { text.append(UInt8(ascii: "-")) }
      let word = nibble < 16 ? high : low
      text.append(digits.utf8Start[Int(word >> UInt64(60 - nibble % 16 * 4) & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}
