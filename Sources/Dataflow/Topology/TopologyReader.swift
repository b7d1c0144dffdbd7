import Foundation
import Settings

/// From the tree of a settings file to a `Topology`, reporting everything that is wrong. What it returns after a
/// problem is only good for finding the next one.
struct TopologyReader {
  let problems: Problems

  func read(_ root: YAML.Node) -> Topology {
    let section = Section(root, problems: problems)
    var topology = Topology(name: name(section))
    topology.source = source(section.section("source"))
    let outputs = OutputsReader(problems: problems, sourceTopic: topology.source.topic)
    let sessions = section.section("sessions")
    if let gap = sessions.duration("gap") { topology.gapMilliseconds = gap }
    outputs.read(sessions, "sink", of: .sessions)
    sessions.finish()
    outputs.read(section, "dead_letters", of: .deadLetters)
    outputs.readGuarantee(section)
    if let timezone = timezone(section) { topology.timezone = timezone }
    if let node = section.required("views") {
      topology.views = views(Section(node, path: ["views"], problems: problems), of: topology, outputs)
    }
    topology.outputs = outputs.outputs
    if topology.outputs.topics[.sessions] != nil, !topology.views.isEmpty, !topology.hasViewOfSessions {
      problems.add(
        sessions.place, "sessions are kept for views of sessions only: add a rollup of them, or remove 'sink'")
    }
    section.finish()
    return topology
  }

  private func name(_ section: Section) -> String {
    guard let node = section.required("topology"), let name = section.text(node, "topology") else { return "" }
    let isName = { (byte: UInt8) in
      (97...122).contains(byte) || (48...57).contains(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }
    if !(1...64).contains(name.utf8.count) || !name.utf8.allSatisfy(isName) {
      problems.add(node.place, "'\(name)' is not a topology's name: 1 to 64 of a-z 0-9 _ -")
    }
    return name
  }

  private func source(_ section: Section) -> Topology.Source {
    var source = Topology.Source()
    if let node = section.node("topic"), let topic = OutputsReader.topic(node, section) { source.topic = topic }
    if let horizon = section.duration("horizon") { source.horizonMilliseconds = horizon }
    if let trust = section.bool("trust_stamps") { source.trustStamps = trust }
    if let trust = section.bool("trust_producer_time") { source.trustProducerTime = trust }
    section.finish()
    return source
  }

  private func timezone(_ section: Section) -> String? {
    guard let node = section.node("timezone"), let name = section.text(node, "timezone") else { return nil }
    if Timezones.isKnown(name) { return name }
    let hint =
      Suggestion.closest(to: name, among: TimeZone.knownTimeZoneIdentifiers + ["UTC"]).map { "; did you mean '\($0)'?" }
      ?? ""
    problems.add(node.place, "'\(name)' is not an IANA time zone such as UTC or Europe/Berlin\(hint)")
    return nil
  }

  private func views(_ section: Section, of topology: Topology, _ outputs: OutputsReader) -> [ViewDefinition] {
    let entries = section.all()
    if entries.isEmpty { problems.add(section.place, "a topology has at least one view") }
    return entries.compactMap { entry in
      Names.check(entry.key, as: "view", at: entry.place, problems)
      let section = Section(entry.value, path: ["views", entry.key], problems: problems)
      return view(section, named: entry, of: topology, outputs)
    }
  }

  private func view(
    _ section: Section, named entry: YAML.Node.Entry, of topology: Topology, _ outputs: OutputsReader
  ) -> ViewDefinition? {
    defer { section.finish() }
    let rollup = section.node("rollup")
    let funnel = section.node("funnel")
    outputs.read(section, "sink", of: .view(entry.key))
    if section.has("rollup"), section.has("funnel") {
      problems.add(entry.place, "view '\(entry.key)' is a rollup or a funnel, not both")
      return nil
    }
    if let rollup {
      let section = Section(rollup, path: ["views", entry.key, "rollup"], problems: problems)
      return RollupReader(section: section, topology: topology).read().map {
        ViewDefinition(name: entry.key, kind: .rollup($0))
      }
    }
    if let funnel {
      let section = Section(funnel, path: ["views", entry.key, "funnel"], problems: problems)
      return FunnelReader(section: section, topology: topology).read().map {
        ViewDefinition(name: entry.key, kind: .funnel($0))
      }
    }
    // A misspelt or empty kind is reported where it stands.
    if case .mapping(let entries) = entry.value.content, entries.isEmpty {
      problems.add(entry.place, "view '\(entry.key)' needs 'rollup' or 'funnel'")
    }
    return nil
  }
}
