/// Writes one JSON document front to back. Numbers are written as their decimal text, so nothing passes through Double.
public struct JSONText {
  public private(set) var text = ""
  private var needsComma = false

  public init() {}

  public mutating func object(_ body: (inout JSONText) -> Void) { nest("{", "}", body) }
  public mutating func array(_ body: (inout JSONText) -> Void) { nest("[", "]", body) }

  public mutating func key(_ name: String) {
    separate()
    quote(name)
    text += ":"
    needsComma = false
  }

  public mutating func value(_ string: String) {
    separate()
    quote(string)
  }

  public mutating func value(_ number: some BinaryInteger) { raw(String(number)) }
  public mutating func value(_ bool: Bool) { raw(bool ? "true" : "false") }
  public mutating func null() { raw("null") }

  /// Text that is JSON already: a decimal number, or a document made elsewhere.
  public mutating func raw(_ json: String) {
    separate()
    text += json
  }

  public mutating func field(_ name: String, _ string: String?) {
    key(name)
    if let string { value(string) } else { null() }
  }

  public mutating func field(_ name: String, _ number: (some BinaryInteger)?) {
    key(name)
    if let number { value(number) } else { null() }
  }

  public mutating func field(_ name: String, _ bool: Bool) {
    key(name)
    value(bool)
  }

  /// A decimal number as text, or null.
  public mutating func field(_ name: String, number: String?) {
    key(name)
    if let number { raw(number) } else { null() }
  }

  private mutating func nest(_ open: String, _ close: String, _ body: (inout JSONText) -> Void) {
    separate()
    text += open
    needsComma = false
    body(&self)
    text += close
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { text += "," }
    needsComma = true
  }

  private mutating func quote(_ string: String) {
    text += "\""
    // Nearly all: names and values of dimensions are seldom more than letters.
    if string.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x22 && $0 != 0x5c }) {
      text += string
      text += "\""
      return
    }
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.value < 0x20:
        let hex = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
