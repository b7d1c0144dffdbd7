import Settings

/// `sink: {topic}` of views and sessions, `dead_letters: {topic}`, `guarantee`.
final class OutputsReader {
  private let problems: Problems
  private let sourceTopic: String
  private(set) var outputs = Outputs()

  init(problems: Problems, sourceTopic: String) {
    self.problems = problems
    self.sourceTopic = sourceTopic
  }

  func read(_ section: Section, _ key: String, of target: Outputs.Target) {
    guard let node = section.node(key) else { return }
    let sink = Section(node, path: [key], problems: problems)
    defer { sink.finish() }
    guard let node = sink.required("topic"), let topic = OutputsReader.topic(node, sink) else { return }
    if topic == sourceTopic {
      problems.add(
        node.place, "topic '\(topic)' is the source: what is written there would be read as events; name another")
    } else if let other = outputs.topics.first(where: { $0.value == topic })?.key {
      problems.add(
        node.place, "topic '\(topic)' takes \(other) already: each output has a topic of its own; name another")
    } else {
      outputs.topics[target] = topic
    }
  }

  func readGuarantee(_ section: Section) {
    guard let node = section.node("guarantee"), let text = section.text(node, "guarantee") else { return }
    if let guarantee = Outputs.Guarantee(rawValue: text) {
      outputs.guarantee = guarantee
    } else {
      let hint = Suggestion.hint(for: text, among: Outputs.Guarantee.allCases.map(\.rawValue))
      problems.add(node.place, "there is no guarantee '\(text)'\(hint)")
    }
  }

  /// A topic's name; nil, and reported, when it is none.
  static func topic(_ node: YAML.Node, _ section: Section) -> String? {
    guard let topic = section.text(node, "topic") else { return nil }
    let isName = { (byte: UInt8) in Names.isWord(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") }
    if !(1...249).contains(topic.utf8.count) || !topic.utf8.allSatisfy(isName) || topic == "." || topic == ".." {
      section.report(node.place, "'\(topic)' is not a topic's name: 1 to 249 of A-Z a-z 0-9 . _ -")
    }
    return topic
  }
}
