import Settings

/// Names that users give and queries mention.
enum Names {
  static func isWord(_ byte: UInt8) -> Bool {
    (65...90).contains(byte) || (97...122).contains(byte) || (48...57).contains(byte) || byte == UInt8(ascii: "_")
  }

  /// Views and measures: `[A-Za-z_][A-Za-z0-9_]{0,63}`.
  static func isIdentifier(_ name: String) -> Bool {
    guard let first = name.utf8.first, name.utf8.count <= 64 else { return false }
    return !(48...57).contains(first) && name.utf8.allSatisfy(isWord)
  }

  static func check(_ name: String, as kind: String, at place: Place, _ problems: Problems) {
    guard !isIdentifier(name) else { return }
    problems.add(place, "'\(name)' is not a \(kind)'s name: up to 64 of A-Z a-z 0-9 _, no digit first")
  }
}
