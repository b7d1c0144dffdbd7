/// Builds the tree of one document from events, refusing what settings files must not contain.
struct YAMLBuilder: ~Copyable {
  /// The text stopped being YAML, or went too deep: reported, and nothing after it can be read.
  private struct Broken: Error {}

  private var events: YAMLEvents
  private let problems: Problems
  private var depth = 0

  init(_ events: consuming YAMLEvents, problems: Problems) {
    self.events = events
    self.problems = problems
  }

  mutating func document() -> YAML.Node? {
    do {
      _ = try next()
      let (first, start, _) = try next()
      guard case .documentStart = first else {
        problems.add(start.place, "the file is empty")
        return nil
      }
      let root = try node(try next())
      _ = try next()
      let (after, place, _) = try next()
      if case .documentStart = after { problems.add(place.place, "a second document begins; a file holds one") }
      return root
    } catch {
      return nil
    }
  }

  private mutating func next() throws(Broken) -> (event: YAMLEvents.Event, start: YAMLEvents.Mark, end: YAMLEvents.Mark)
  {
    let result = events.next()
    if case .broken(let problem, let context, let contextMark) = result.event {
      let message = YAMLSyntax.message(problem: problem, context: context, began: contextMark, at: result.start)
      problems.add(result.start.place, message)
      throw Broken()
    }
    return result
  }

  private mutating func node(
    _ read: (event: YAMLEvents.Event, start: YAMLEvents.Mark, end: YAMLEvents.Mark)
  ) throws(Broken) -> YAML.Node {
    depth += 1
    defer { depth -= 1 }
    guard depth <= YAML.depthLimit else {
      problems.add(read.start.place, "more than \(YAML.depthLimit) lists and mappings inside each other")
      throw Broken()
    }
    let place = read.start.place
    switch read.event {
    case .alias(let name):
      problems.add(place, "aliases (*\(name)) are not supported; write the value out")
      return YAML.Node(.refused, place)
    case .scalar(let text, let quoted, let decoration):
      refuse(decoration, at: place)
      return scalar(text, quoted: quoted, from: read.start, to: read.end)
    case .sequenceStart(let decoration):
      refuse(decoration, at: place)
      return YAML.Node(.sequence(try items()), place)
    case .mappingStart(let flow, let decoration):
      refuse(decoration, at: place)
      return YAML.Node(.mapping(try entries(flow: flow)), place)
    default:
      preconditionFailure("libyaml: \(read.event) where a value begins")
    }
  }

  private func scalar(_ text: String, quoted: Bool, from start: YAMLEvents.Mark, to end: YAMLEvents.Mark) -> YAML.Node {
    let quotes = quoted ? 1 : 0
    // Escapes and folded lines make the source longer than the text; then only its beginning is known.
    let isVerbatim = start.line == end.line && end.column - start.column == text.unicodeScalars.count + 2 * quotes
    let textPlace = Place.file(line: start.line, column: start.column + quotes)
    return YAML.Node(.scalar(text, quoted: quoted), start.place, textPlace: isVerbatim ? textPlace : nil)
  }

  private mutating func items() throws(Broken) -> [YAML.Node] {
    var items: [YAML.Node] = []
    while true {
      let read = try next()
      if case .sequenceEnd = read.event { return items }
      items.append(try node(read))
    }
  }

  private mutating func entries(flow: Bool) throws(Broken) -> [YAML.Node.Entry] {
    var entries: [YAML.Node.Entry] = []
    var places: [String: Place] = [:]
    while true {
      let read = try next()
      if case .mappingEnd = read.event { return entries }
      let key = try node(read)
      let value = try node(try next())
      guard case .scalar(let name, _) = key.content else {
        if key.content != .refused { problems.add(key.place, "a key must be text, not \(key.kind)") }
        continue
      }
      if flow, value.isEmpty, mend(&entries, with: name, at: key.place) { continue }
      if case .file(let line, let column)? = places[name] {
        problems.add(key.place, "duplicate key '\(name)', first given at \(line):\(column)")
        continue
      }
      places[name] = key.place
      entries.append(YAML.Node.Entry(key: name, place: key.place, value: value))
    }
  }

  /// `{ revenue: sum(a, scale=2) }` is YAML for two keys, the second `scale=2)`. Says so, and goes on with what was
  /// meant, so that one mistake is one message.
  private func mend(_ entries: inout [YAML.Node.Entry], with name: String, at place: Place) -> Bool {
    guard let last = entries.last, case .scalar(let text, quoted: false) = last.value.content,
      text.utf8.count(where: { $0 == UInt8(ascii: "(") }) > text.utf8.count(where: { $0 == UInt8(ascii: ")") })
    else { return false }
    // The same words however many commas there are, so that they are said once.
    problems.add(
      last.value.place,
      "an unquoted comma inside { } begins a new key; put all of the value in quotes: \(last.key): \"\(text.prefix { $0 != "," }), …\""
    )
    entries[entries.count - 1].value.content = .scalar("\(text), \(name)", quoted: false)
    return true
  }

  private func refuse(_ decoration: YAMLEvents.Decoration, at place: Place) {
    if let anchor = decoration.anchor {
      problems.add(place, "anchors (&\(anchor)) are not supported; write the value out where it is needed")
    }
    if let tag = decoration.tag {
      problems.add(place, "tags (\(tag)) are not supported; the key decides what its value is")
    }
  }
}
