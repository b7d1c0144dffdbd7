/// Settings files: one YAML document of text, lists and mappings. No anchors, aliases or tags.
public enum YAML {
  /// Bytes of a file.
  public static let sizeLimit = 1 << 20
  /// Lists and mappings inside each other.
  public static let depthLimit = 32

  /// The tree, with whatever was wrong in `problems`; nil when there is no tree to go on with.
  public static func parse(_ text: String, problems: Problems) -> Node? {
    guard text.utf8.count <= sizeLimit else {
      problems.add(.file(line: 1, column: 1), "the file is larger than \(Size.bytes(Int64(sizeLimit)))")
      return nil
    }
    var builder = YAMLBuilder(YAMLEvents(text), problems: problems)
    return builder.document()
  }
}
