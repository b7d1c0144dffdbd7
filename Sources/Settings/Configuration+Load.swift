import Basics

extension Configuration {
  /// From a file, or from the defaults when there is none, and the environment.
  public static func load(path: String?, environment: [String: String] = [:]) throws(Failure) -> Configuration {
    guard let path else { return try load(text: "{}", file: "configuration", environment: environment) }
    return try load(text: try TextFile.read(path), file: path, environment: environment)
  }

  public static func load(
    text: String, file: String, environment: [String: String] = [:]
  ) throws(Failure) -> Configuration {
    let problems = Problems(file: file)
    let overrides = Overrides(environment)
    var configuration = Configuration()
    if let root = YAML.parse(text, problems: problems) {
      configuration.read(Section(root, problems: problems, overrides: overrides))
    }
    try problems.throwIfAny()
    configuration.warnings = overrides.warnings
    return configuration
  }

  private mutating func read(_ section: Section) {
    if let path = section.path("data") { data = path }
    if let node = section.node("listen"), let text = section.text(node, "listen") {
      if let address = Address(text) {
        listen = address
      } else {
        section.problems.add(node.place, "'listen' is an address and a port such as 127.0.0.1:8080, not '\(text)'")
      }
    }
    if let size = section.size("memory") { memory = size }
    let logs = section.section("log")
    log.read(logs.section("embedded"))
    logs.finish()
    if let list = section.list("topologies") { topologies = list.compactMap { section.text($0, "topologies") } }
    let server = section.section("http")
    if let count = server.integer("threads", in: 1...64) { http.threads = count }
    if let count = server.integer("connections", in: 1...100_000) { http.connections = count }
    server.finish()
    section.finish()
  }
}

extension Configuration.EmbeddedLog {
  fileprivate mutating func read(_ section: Section) {
    path = section.path("path")
    if let count = section.integer("partitions", in: 1...1024) { partitions = count }
    if let size = section.size("reserve") { reserve = size }
    if let size = section.size("segment_size"), let node = section.node("segment_size") {
      if case .bytes(let count) = size, (1 << 16...1 << 32).contains(count) {
        segmentBytes = count
      } else {
        section.problems.add(node.place, "'segment_size' is from 64KiB to 4GiB")
      }
    }
    let retention = section.section("retention")
    if let age = retention.retention("age") { retentionAge = age }
    retentionSize = retention.size("size")
    retention.finish()
    section.finish()
  }
}

extension Section {
  fileprivate func path(_ key: String) -> String? {
    guard let node = node(key), let text = text(node, key) else { return nil }
    guard !text.isEmpty, !text.utf8.contains(0) else {
      problems.add(node.place, "'\(key)' is a path")
      return nil
    }
    return text
  }
}
