extension YAML {
  /// One value of a settings file and where it stands. Scalars are text until the schema of their key says otherwise.
  public struct Node: Sendable, Equatable {
    public enum Content: Sendable, Equatable {
      case scalar(String, quoted: Bool)
      case sequence([Node])
      /// In file order; no key twice.
      case mapping([Entry])
      /// Something that was reported already, as an alias: readers stay silent about it.
      case refused
    }

    public struct Entry: Sendable, Equatable {
      public var key: String
      public var place: Place
      public var value: Node
    }

    public var content: Content
    public var place: Place
    /// Where the first character of the text stands; nil when escapes or line breaks make places inside it unknown.
    var textPlace: Place?

    init(_ content: Content, _ place: Place, textPlace: Place? = nil) {
      self.content = content
      self.place = place
      self.textPlace = textPlace
    }

    /// `key:` with nothing after it.
    public var isEmpty: Bool { content == .scalar("", quoted: false) }

    /// What a message says it found.
    public var kind: String {
      switch content {
      case .scalar(let text, _): isEmpty ? "nothing" : "'\(text.count > 60 ? text.prefix(60) + "…" : text)'"
      case .sequence: "a list"
      case .mapping: "a mapping"
      case .refused: "something else"
      }
    }

    /// The place of the n-th code point of the text, or of the value where that is not known.
    public func place(ofCharacter index: Int) -> Place {
      guard case .file(let line, let column)? = textPlace else { return place }
      return .file(line: line, column: column + index)
    }
  }
}
