import Basics

extension Configuration {
  /// From a file, or from the defaults when there is none, and the environment.
  ///
  /// - `kafkaProblem`: what is wrong with a property of Kafka, by name, value and whether that is secret; nil when nothing is.
  public static func load(
    path: String?, environment: [String: String] = [:],
    kafkaProblem: (String, String, Bool) -> String? = { _, _, _ in nil }
  ) throws(Failure) -> Configuration {
    guard let path else {
      return try load(text: "{}", file: "configuration", environment: environment, kafkaProblem: kafkaProblem)
    }
    return try load(
      text: try TextFile.read(path), file: path, environment: environment, kafkaProblem: kafkaProblem)
  }

  public static func load(
    text: String, file: String, environment: [String: String] = [:],
    kafkaProblem: (String, String, Bool) -> String? = { _, _, _ in nil }
  ) throws(Failure) -> Configuration {
    let problems = Problems(file: file)
    let overrides = Overrides(environment)
    var configuration = Configuration()
    if let root = YAML.parse(text, problems: problems) {
      configuration.read(Section(root, problems: problems, overrides: overrides), environment, kafkaProblem)
    }
    try problems.throwIfAny()
    configuration.warnings = overrides.warnings
    return configuration
  }

  private mutating func read(
    _ section: Section, _ environment: [String: String], _ kafkaProblem: (String, String, Bool) -> String?
  ) {
    if let path = section.path("data") { data = path }
    if let address = section.address("listen") { listen = address }
    advertise = section.address("advertise")
    if let size = section.size("memory") { memory = size }
    let logs = section.section("log")
    let hasEmbedded = logs.has("embedded")
    log.read(logs.section("embedded"))
    let kafkaSection = logs.section("kafka")
    kafka = Configuration.Kafka(kafkaSection, isThere: logs.has("kafka"), environment, kafkaProblem)
    if hasEmbedded, kafka != nil {
      kafkaSection.report(kafkaSection.place, "a log is embedded or Kafka's, not both: remove 'embedded' or 'kafka'")
    }
    logs.finish()
    if let list = section.list("topologies") { topologies = list.compactMap { section.text($0, "topologies") } }
    let shared = section.section("checkpoints")
    let every = shared.duration("every")
    if let path = shared.path("path") {
      var own = Configuration.Checkpoints(path: path)
      if let every { own.everyMilliseconds = every }
      checkpoints = own
    } else if section.has("checkpoints"), !shared.has("path") {
      shared.report(shared.place, "'path' is missing from 'checkpoints': a directory that all instances see")
    }
    shared.finish()
    if let place = checkpoints.map({ _ in shared.place }), kafka == nil {
      shared.report(place, "'checkpoints' are for instances that share partitions, so they need 'kafka' as the log")
    }
    let kept = section.section("generations")
    if let count = kept.integer("keep", in: 0...1_000) { generations.keep = count }
    if let age = kept.retention("age") { generations.age = age }
    if let count = kept.integer("checkpoints", in: 0...1_000) { generations.checkpoints = count }
    if let every = kept.duration("checkpoint_every") { generations.checkpointMilliseconds = every }
    kept.finish()
    let server = section.section("http")
    if let count = server.integer("threads", in: 1...64) { http.threads = count }
    if let count = server.integer("connections", in: 1...100_000) { http.connections = count }
    if let count = server.integer("connections_per_address", in: 0...100_000) { http.connectionsPerAddress = count }
    if let time = server.duration("idle") { http.idleMilliseconds = time }
    if let time = server.duration("request") { http.requestMilliseconds = time }
    if let list = server.list("origins") {
      http.origins = list.compactMap { Configuration.origin($0, server) }
    }
    server.finish()
    tls = Configuration.TLS(section.section("tls"), isThere: section.has("tls"))
    keys = section.path("keys")
    peerKey = section.secret("peer_key", environment)
    collect.read(section.section("collect"))
    section.finish()
  }
}

extension Configuration {
  fileprivate static func origin(_ value: YAML.Node, _ section: Section) -> String? {
    guard let text = section.text(value, "origins") else { return nil }
    let rest = ["https://", "http://"].lazy.filter { text.hasPrefix($0) }.map { text.dropFirst($0.count) }.first
    if text == "*" || (rest.map { !$0.isEmpty && !$0.contains("/") } ?? false) { return text }
    section.report(value.place, "'origins' are such as https://shop.example, without a path, or '*', not '\(text)'")
    return nil
  }
}

extension Configuration.TLS {
  fileprivate init?(_ section: Section, isThere: Bool) {
    let certificate = section.path("certificate")
    let key = section.path("key")
    defer { section.finish() }
    guard isThere || certificate != nil || key != nil else { return nil }
    guard let certificate, let key else {
      if section.problems.isEmpty {
        section.report(section.place, "'tls' needs 'certificate' and 'key', two PEM files")
      }
      return nil
    }
    self.init(certificate: certificate, key: key)
  }
}

extension Configuration.Collect {
  fileprivate mutating func read(_ section: Section) {
    topic = section.text("topic")
    if let size = section.size("in_flight"), let node = section.node("in_flight") {
      if case .bytes(let count) = size, count < 1 << 20 {
        section.report(node.place, "'in_flight' is at least 1MiB: one body may have 512KiB, and becomes more")
      } else {
        inFlight = size
      }
    }
    if let count = section.integer("threads", in: 1...64) { threads = count }
    let geo = section.section("geo")
    countryHeader = geo.text("country_header")?.lowercased()
    addressHeader = geo.text("address_header")?.lowercased()
    geoDatabase = geo.path("database")
    geo.finish()
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

extension Configuration.Kafka {
  /// nil when neither the file nor the environment says anything of Kafka.
  fileprivate init?(
    _ section: Section, isThere: Bool, _ environment: [String: String],
    _ problem: (String, String, Bool) -> String?
  ) {
    let brokers = section.text("brokers")
    let group = section.text("group")
    let properties = section.section("properties")
    defer { section.finish() }
    guard isThere || brokers != nil || group != nil else { return nil }
    if brokers == nil {
      section.report(section.place, "'brokers' is missing from 'kafka': host:port, separated by commas")
    }
    self.init(brokers: brokers ?? "")
    if let group { self.group = group }
    for entry in properties.all() {
      if ["bootstrap.servers", "metadata.broker.list", "group.id"].contains(entry.key) {
        let own = entry.key == "group.id" ? "group" : "brokers"
        section.report(entry.place, "'\(entry.key)' is '\(own)' here, beside 'properties'")
        continue
      }
      guard let (value, isSecret) = section.textOrSecret(entry, environment) else { continue }
      if let problem = problem(entry.key, value, isSecret) { section.report(entry.place, problem) }
      self.properties[entry.key] = value
      if isSecret { secrets.insert(entry.key) }
    }
  }
}

extension Section {
  /// A text, or where it is kept: `{env: NAME}` or `{file: PATH}`.
  fileprivate func textOrSecret(_ entry: YAML.Node.Entry, _ environment: [String: String]) -> (String, Bool)? {
    guard case .mapping = entry.value.content else { return text(entry.value, entry.key).map { ($0, false) } }
    let secret = Section(entry.value, path: [entry.key], problems: problems)
    let name = secret.text("env")
    let file = secret.text("file")
    secret.finish()
    switch (name, file) {
    case (let name?, nil):
      if let value = environment[name] { return (value, true) }
      report(entry.place, "'\(entry.key)' is kept in the environment variable \(name), which is not set")
    case (nil, let file?):
      do throws(Failure) {
        // An editor ends a file with a line break; no secret does.
        let text = try TextFile.read(file)
        return (text.hasSuffix("\n") ? String(text.dropLast()) : text, true)
      } catch {
        report(entry.place, "'\(entry.key)' is kept in a file: \(error.message)")
      }
    default:
      report(entry.place, "'\(entry.key)' is a value, or {env: NAME}, or {file: PATH}")
    }
    return nil
  }

  /// What is kept elsewhere, and never written into the file itself.
  fileprivate func secret(_ key: String, _ environment: [String: String]) -> String? {
    guard let node = node(key) else { return nil }
    guard case .mapping = node.content else {
      if case .variable = node.place { return text(node, key) }
      report(node.place, "'\(key)' is a secret: {env: NAME} or {file: PATH}, not the text itself")
      return nil
    }
    return textOrSecret(YAML.Node.Entry(key: key, place: node.place, value: node), environment)?.0
  }

  fileprivate func address(_ key: String) -> Address? {
    guard let node = node(key), let text = text(node, key) else { return nil }
    if let address = Address(text) { return address }
    problems.add(node.place, "'\(key)' is an address and a port such as 127.0.0.1:8080, not '\(text)'")
    return nil
  }

  fileprivate func path(_ key: String) -> String? {
    guard let node = node(key), let text = text(node, key) else { return nil }
    guard !text.isEmpty, !text.utf8.contains(0) else {
      problems.add(node.place, "'\(key)' is a path")
      return nil
    }
    return text
  }
}
