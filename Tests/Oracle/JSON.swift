/// A JSON document as it stands: numbers keep their text, objects keep every name in order, repeated ones too.
///
/// Clear and slow, and on purpose of no kin to the decoder it judges.
indirect enum JSON {
  case null
  case boolean(Bool)
  case number(String)
  case text([UInt8])
  case array([JSON])
  case object([(name: [UInt8], value: JSON)])

  /// Nil when the bytes are not RFC 8259. `depth` is the deepest nesting, the outermost container being 1.
  static func parse(_ bytes: [UInt8]) -> (value: JSON, depth: Int)? {
    var parser = JSONParser(bytes: bytes)
    guard let value = parser.value(depth: 0) else { return nil }
    parser.skipSpace()
    return parser.index == bytes.count ? (value, parser.deepest) : nil
  }

  /// The last value of that name, which is the one that counts below the envelope.
  func member(_ name: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.name == Array(name.utf8) }?.value
  }

  func occurrences(_ name: String) -> Int {
    guard case .object(let members) = self else { return 0 }
    return members.filter { $0.name == Array(name.utf8) }.count
  }
}

private struct JSONParser {
  let bytes: [UInt8]
  var index = 0
  var deepest = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { index += 1 }
  }

  mutating func take(_ text: String) -> Bool {
    let wanted = Array(text.utf8)
    guard index + wanted.count <= bytes.count, Array(bytes[index..<index + wanted.count]) == wanted else {
      return false
    }
    index += wanted.count
    return true
  }

  mutating func value(depth: Int) -> JSON? {
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return object(depth: depth + 1)
    case UInt8(ascii: "["): return array(depth: depth + 1)
    case UInt8(ascii: "\""): return text().map { .text($0) }
    case UInt8(ascii: "t"): return take("true") ? .boolean(true) : nil
    case UInt8(ascii: "f"): return take("false") ? .boolean(false) : nil
    case UInt8(ascii: "n"): return take("null") ? .null : nil
    default: return number()
    }
  }

  mutating func object(depth: Int) -> JSON? {
    deepest = max(deepest, depth)
    index += 1
    var members: [(name: [UInt8], value: JSON)] = []
    skipSpace()
    if take("}") { return .object(members) }
    while true {
      skipSpace()
      guard next == UInt8(ascii: "\""), let name = text() else { return nil }
      skipSpace()
      guard take(":"), let value = value(depth: depth) else { return nil }
      members.append((name, value))
      skipSpace()
      if take("}") { return .object(members) }
      guard take(",") else { return nil }
    }
  }

  mutating func array(depth: Int) -> JSON? {
    deepest = max(deepest, depth)
    index += 1
    var elements: [JSON] = []
    skipSpace()
    if take("]") { return .array(elements) }
    while true {
      guard let value = value(depth: depth) else { return nil }
      elements.append(value)
      skipSpace()
      if take("]") { return .array(elements) }
      guard take(",") else { return nil }
    }
  }

  mutating func text() -> [UInt8]? {
    index += 1
    var text: [UInt8] = []
    while let byte = next {
      index += 1
      if byte == UInt8(ascii: "\"") { return text }
      if byte < 0x20 { return nil }
      if byte != UInt8(ascii: "\\") {
        text.append(byte)
        continue
      }
      guard let escape = next else { return nil }
      index += 1
      switch escape {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0c)
      case UInt8(ascii: "n"): text.append(0x0a)
      case UInt8(ascii: "r"): text.append(0x0d)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "u"):
        guard let scalar = escapedScalar() else { return nil }
        text += Array(String(Character(scalar)).utf8)
      default: return nil
      }
    }
    return nil
  }

  /// Half a surrogate pair stands for nothing, so such a text is no text.
  mutating func escapedScalar() -> Unicode.Scalar? {
    guard let first = hexUnit() else { return nil }
    guard (0xd800...0xdfff).contains(first) else { return Unicode.Scalar(first) }
    guard first < 0xdc00, take("\\u"), let second = hexUnit(), (0xdc00...0xdfff).contains(second) else { return nil }
    return Unicode.Scalar(0x10000 + (first - 0xd800) * 0x400 + (second - 0xdc00))
  }

  mutating func hexUnit() -> UInt32? {
    guard index + 4 <= bytes.count else { return nil }
    var unit: UInt32 = 0
    for byte in bytes[index..<index + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else { return nil }
      unit = unit * 16 + UInt32(digit)
    }
    index += 4
    return unit
  }

  mutating func number() -> JSON? {
    let start = index
    _ = take("-")
    if !take("0") { guard digits() else { return nil } }
    if take(".") { guard digits() else { return nil } }
    if take("e") || take("E") {
      _ = take("+") || take("-")
      guard digits() else { return nil }
    }
    return .number(String(decoding: bytes[start..<index], as: UTF8.self))
  }

  mutating func digits() -> Bool {
    let start = index
    while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { index += 1 }
    return index > start
  }
}
