/// Where the next page of an answer starts, as text that nobody needs to understand.
///
/// - Shape: the offset and a check of it, both in base 36: a cursor that was cut or made up is refused and not misread.
enum Cursor {
  static func text(_ offset: Int) -> String { "\(String(offset, radix: 36)).\(String(check(offset), radix: 36))" }

  static func offset(_ text: String) -> Int? {
    guard let point = text.firstIndex(of: "."), let offset = Int(text[..<point], radix: 36), offset >= 0,
      Cursor.text(offset) == text
    else { return nil }
    return offset
  }

  private static func check(_ offset: Int) -> UInt64 { (UInt64(offset) &* 0x9E37_79B9_7F4A_7C15) >> 40 }
}
