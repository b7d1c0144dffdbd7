import CYAML

/// Owns a `yaml_parser_t` and the text it reads; the C call is `yaml_parser_parse`.
struct YAMLEvents: ~Copyable {
  enum Event {
    case streamStart, streamEnd, documentStart, documentEnd
    case alias(String)
    case scalar(String, quoted: Bool, decoration: Decoration)
    case sequenceStart(decoration: Decoration)
    case mappingStart(flow: Bool, decoration: Decoration)
    case sequenceEnd, mappingEnd
    /// The text is not YAML: libyaml's words and where it noticed.
    case broken(problem: String, context: String, contextMark: Mark?)
  }

  /// What we refuse to give a meaning to.
  struct Decoration {
    var anchor: String?
    var tag: String?
  }

  /// Counted from 1; columns are code points.
  struct Mark: Equatable {
    var line: Int
    var column: Int

    var place: Place { .file(line: line, column: column) }
  }

  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let bytes: UnsafeMutableBufferPointer<UInt8>

  init(_ text: String) {
    // A byte order mark would shift the columns of the first line.
    let utf8 = text.unicodeScalars.first == "\u{FEFF}" ? text.utf8.dropFirst(3) : text.utf8[...]
    bytes = .allocate(capacity: utf8.count + 1)
    _ = bytes.initialize(from: utf8)
    parser = .allocate(capacity: 1)
    // It can only fail for want of memory, and so small a want ends a Swift process anyway.
    precondition(yaml_parser_initialize(parser) == 1, "no memory for a YAML parser")
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(parser, bytes.baseAddress, utf8.count)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
    bytes.deallocate()
  }

  /// The next event and where it begins and ends. Not to be called after `.streamEnd` or `.broken`.
  mutating func next() -> (event: Event, start: Mark, end: Mark) {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { return broken() }
    defer { yaml_event_delete(&event) }
    return (translate(event), mark(event.start_mark), mark(event.end_mark))
  }

  private func translate(_ event: yaml_event_t) -> Event {
    switch event.type {
    case YAML_STREAM_START_EVENT: return .streamStart
    case YAML_STREAM_END_EVENT, YAML_NO_EVENT: return .streamEnd
    case YAML_DOCUMENT_START_EVENT: return .documentStart
    case YAML_DOCUMENT_END_EVENT: return .documentEnd
    case YAML_ALIAS_EVENT: return .alias(text(event.data.alias.anchor) ?? "")
    case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
    case YAML_MAPPING_END_EVENT: return .mappingEnd
    case YAML_SEQUENCE_START_EVENT:
      let data = event.data.sequence_start
      return .sequenceStart(decoration: Decoration(anchor: text(data.anchor), tag: text(data.tag)))
    case YAML_MAPPING_START_EVENT:
      let data = event.data.mapping_start
      return .mappingStart(
        flow: data.style == YAML_FLOW_MAPPING_STYLE,
        decoration: Decoration(anchor: text(data.anchor), tag: text(data.tag)))
    case YAML_SCALAR_EVENT:
      let data = event.data.scalar
      // By length: a double-quoted "\0" is a character of the text, not its end.
      let value = String(decoding: UnsafeBufferPointer(start: data.value, count: data.length), as: UTF8.self)
      return .scalar(
        value, quoted: data.style != YAML_PLAIN_SCALAR_STYLE,
        decoration: Decoration(anchor: text(data.anchor), tag: text(data.tag)))
    default:
      preconditionFailure("libyaml event \(event.type.rawValue)")
    }
  }

  private func broken() -> (Event, Mark, Mark) {
    let problem = parser.pointee.problem.map { String(cString: $0) } ?? "it cannot be read"
    let context = parser.pointee.context.map { String(cString: $0) } ?? ""
    // The reader knows bytes, not lines: "control characters are not allowed" comes with an offset only.
    let isReader = parser.pointee.error == YAML_READER_ERROR
    let at = isReader ? mark(ofByte: parser.pointee.problem_offset) : mark(parser.pointee.problem_mark)
    let contextMark = context.isEmpty ? nil : mark(parser.pointee.context_mark)
    return (.broken(problem: problem, context: context, contextMark: contextMark), at, at)
  }

  private func mark(_ mark: yaml_mark_t) -> Mark { Mark(line: mark.line + 1, column: mark.column + 1) }

  private func mark(ofByte offset: Int) -> Mark {
    var mark = Mark(line: 1, column: 1)
    for byte in bytes[..<min(offset, bytes.count - 1)] {
      if byte == UInt8(ascii: "\n") {
        mark = Mark(line: mark.line + 1, column: 1)
      } else if byte & 0xc0 != 0x80 {
        mark.column += 1
      }
    }
    return mark
  }

  private func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    pointer.map { String(cString: $0) }
  }
}
