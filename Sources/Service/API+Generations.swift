import Basics
import Dataflow
import Runtime
import Settings

/// Generations over HTTP: what is begun is answered at once with 202 and where to look, the rest when it is done.
extension API {
  /// The methods of a path; nil when it is none of these.
  func operations(_ path: String) -> [String: Route]? {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
    switch (parts.first, parts.count) {
    case ("topologies", 3): return operations(of: parts[1], parts[2])
    case ("topologies", 4) where parts[2] == "generations":
      return ["DELETE": alone { () throws(Failure) in try drop(parts[1], parts[3]) }]
    case ("topologies", 4) where parts[2] == "verifications":
      return ["GET": alone { () throws(Failure) in try verification(parts[1], parts[3]) }]
    case ("topologies", 4...5) where parts[2] == "checkpoints": return checkpoint(of: parts[1], Array(parts[3...]))
    case ("replays", 1): return ["GET": alone { () throws(Failure) in try replays() }]
    case ("replays", 2): return ["GET": alone { () throws(Failure) in try replay(parts[1], nil) }]
    case ("replays", 3) where ["pause", "resume", "cancel"].contains(parts[2]):
      return ["POST": alone { () throws(Failure) in try replay(parts[1], parts[2]) }]
    default: return nil
    }
  }

  private func operations(of name: String, _ what: String) -> [String: Route]? {
    switch what {
    case "generations":
      [
        "GET": alone { () throws(Failure) in try list(name) },
        "POST": { (request) throws(Failure) in try build(name, request, isReplay: false) },
      ]
    case "replays": ["POST": { (request) throws(Failure) in try build(name, request, isReplay: true) }]
    case "plan": ["POST": { (request) throws(Failure) in try plan(name, request) }]
    case "verifications": ["POST": { (request) throws(Failure) in try verify(name, request) }]
    case "checkpoints":
      [
        "GET": alone { () throws(Failure) in try checkpoints(name) },
        "POST": { (request) throws(Failure) in try createCheckpoint(name, request) },
      ]
    case "diff": ["GET": { (request) throws(Failure) in try differences(name, request) }]
    case "promote": ["POST": { (request) throws(Failure) in try promote(name, request) }]
    case "rollback":
      [
        "POST": alone { () throws(Failure) in
          try with(name) { (served) throws(Failure) in promotion(try served.rollback(), name) }
        }
      ]
    default: nil
    }
  }

  /// What is refused of a topology that is there is so because of how it stands: 409.
  func with(
    _ name: String, _ body: (ServedTopology) throws(Failure) -> Response
  ) throws(Failure) -> Response {
    guard let served = node.served(named: name) else { return unknown(name) }
    do throws(Failure) { return try body(served) } catch {
      guard error.kind == .invalid else { throw error }
      return .problem(409, error.message)
    }
  }

  func unknown(_ name: String) -> Response {
    let names = node.served.map(\.name)
    return .problem(404, "there is no topology \(NamedValues.shown(name))\(Suggestion.hint(for: name, among: names))")
  }

  private func list(_ name: String) throws(Failure) -> Response {
    try with(name) { (served) throws(Failure) in
      let generations = try served.generations.all()
      let replays = try served.replays()
      var json = JSONText()
      json.object { json in
        json.field("topology", name)
        json.field("live", served.live.generation.number)
        json.key("generations")
        GenerationText.list(generations, &json)
        json.key("replays")
        json.array { json in for replay in replays { ReplayText.replay(replay, &json) } }
      }
      return .json(json.text)
    }
  }

  private func definition(_ parameters: OperationParameters) throws(Failure) -> (text: String, topology: Topology) {
    guard let text = parameters.definition, !text.isEmpty else {
      throw .invalid(
        "definition: send the topology's YAML as the body, or as this member of a JSON object (Content-Type: application/json)"
      )
    }
    return (text, try Topology.load(text: text, file: "topology.yaml"))
  }

  private static let buildOptions = ["promote_when_caught_up", "accept_shorter_history", "from", "max_share"]

  private func build(_ name: String, _ request: Request, isReplay: Bool) throws(Failure) -> Response {
    guard let served = node.served(named: name) else { return unknown(name) }
    let parameters = try OperationParameters(request, known: API.buildOptions, definition: !isReplay)
    let values = parameters.values
    var wishes = ServedTopology.Wishes()
    wishes.start = try API.start(values)
    if let text = values["max_share"] {
      guard let percent = Int(text), (1...100).contains(percent) else {
        throw .invalid("max_share: \(NamedValues.shown(text)) is not a percentage from 1 to 100")
      }
      wishes.maxShare = percent
    }
    if try values.flag("promote_when_caught_up") {
      var terms = Generations.PromotionTerms()
      terms.acceptsShorterHistory = try values.flag("accept_shorter_history")
      wishes.promotion = terms
    }
    let definition = isReplay ? nil : try definition(parameters)
    return try with(name) { (_) throws(Failure) in
      begun(try definition == nil ? served.replay(wishes) : served.deploy(definition!, wishes), name)
    }
  }

  private static func start(_ values: NamedValues) throws(Failure) -> ReplayStart {
    guard let text = values["from"] else { return .beginning }
    if text == "checkpoint" { return .checkpoint }
    if let offset = Int64(text), offset >= 0 { return .offset(offset) }
    return .time(try values.time("from", timezone: "UTC")!)
  }

  private func begun(_ deployment: ServedTopology.Deployment, _ name: String) -> Response {
    let id = "\(name)-\(deployment.generation)"
    var json = JSONText()
    json.object { json in
      json.field("topology", name)
      json.field("generation", deployment.generation)
      json.field("unchanged", deployment.isUnchanged)
      json.field("resumed", deployment.isResumed)
      if !deployment.isUnchanged { json.field("replay", id) }
    }
    guard !deployment.isUnchanged else { return .json(json.text) }
    return .json(json.text, status: 202, [Response.Header(name: "Location", value: "/replays/\(id)")])
  }

  private func plan(_ name: String, _ request: Request) throws(Failure) -> Response {
    let parameters = try OperationParameters(request, known: ["from"], definition: true)
    let start = try API.start(parameters.values)
    let definition = try definition(parameters)
    return try with(name) { (served) throws(Failure) in .json(PlanText.json(try served.plan(definition, start: start)))
    }
  }

  private func promote(_ name: String, _ request: Request) throws(Failure) -> Response {
    let values = try OperationParameters(
      request, known: ["generation", "force", "accept_shorter_history"]
    ).values
    let number = try values.generation("generation")
    var terms = Generations.PromotionTerms()
    terms.isForced = try values.flag("force")
    terms.acceptsShorterHistory = try values.flag("accept_shorter_history")
    return try with(name) { (served) throws(Failure) in
      if let number, !served.generations.numbers.contains(number) { return noGeneration(number, served) }
      return promotion(try served.promote(number, terms), name)
    }
  }

  private func noGeneration(_ number: Int, _ served: ServedTopology) -> Response {
    let known = served.generations.numbers.map(String.init).joined(separator: ", ")
    return .problem(404, "topology '\(served.name)' has no generation \(number); it has \(known)")
  }

  private func promotion(_ promotion: ServedTopology.Promotion, _ name: String) -> Response {
    var json = JSONText()
    json.object { json in
      json.field("topology", name)
      json.field("generation", promotion.generation)
      json.field("replaced", promotion.replaced)
      json.key("dropped")
      json.array { json in for number in promotion.dropped { json.value(number) } }
    }
    return .json(json.text)
  }

  private func drop(_ name: String, _ text: String) throws(Failure) -> Response {
    try with(name) { (served) throws(Failure) in
      guard let number = Int(text), served.generations.numbers.contains(number) else {
        return .problem(404, "topology '\(name)' has no generation \(NamedValues.shown(text))")
      }
      let bytes = try served.drop(number)
      var json = JSONText()
      json.object { json in
        json.field("topology", name)
        json.field("dropped", number)
        json.field("bytes", bytes)
      }
      return .json(json.text)
    }
  }

  private func replays() throws(Failure) -> Response {
    var all: [ReplayProgress] = []
    for served in node.served { all += try served.replays() }
    var json = JSONText()
    json.object { json in
      json.key("replays")
      json.array { json in for replay in all { ReplayText.replay(replay, &json) } }
    }
    return .json(json.text)
  }

  /// - `id`: `NAME-GENERATION`.
  private func replay(_ id: String, _ wish: String?) throws(Failure) -> Response {
    let parts = id.split(separator: "-", omittingEmptySubsequences: false)
    guard let number = parts.last.flatMap({ Int($0) }),
      let served = node.served(named: parts.dropLast().joined(separator: "-")),
      served.generations.numbers.contains(number)
    else { return .problem(404, "there is no replay \(NamedValues.shown(id)): /replays lists them") }
    return try with(served.name) { (served) throws(Failure) in
      switch wish {
      case "pause": try served.set(.paused, of: number)
      case "cancel": try served.set(.cancelled, of: number)
      case "resume": try served.set(nil, of: number)
      default: return .json(ReplayText.replay(try served.progress(of: number)))
      }
      return .json(
        ReplayText.replay(try served.progress(of: number)), status: 202,
        [Response.Header(name: "Location", value: "/replays/\(id)")])
    }
  }

  private func differences(_ name: String, _ request: Request) throws(Failure) -> Response {
    let values = try NamedValues(request.query, known: ["a", "b", "view", "from", "to", "limit"])
    var comparing = Comparison.Options()
    comparing.view = values["view"]
    comparing.start = try values.time("from", timezone: "UTC")
    comparing.end = try values.time("to", timezone: "UTC")
    comparing.byteLimit = max(16 << 20, node.budget.bytes / 8)
    if let text = values["limit"] {
      guard let limit = Int(text), (1...10_000).contains(limit) else {
        throw .invalid("limit: \(NamedValues.shown(text)) is not a number of movers from 1 to 10,000")
      }
      comparing.moverLimit = limit
    }
    let sides = (a: try values.generation("a"), b: try values.generation("b"))
    return try with(name) { (served) throws(Failure) in
      let live = served.live.generation.number
      let b: Int =
        if let b = sides.b { b } else if let a = sides.a, a != live { a } else { try served.newestOther(than: live) }
      // One that is named is compared with the live one.
      let a = sides.b == nil ? live : sides.a ?? live
      for number in [a, b] where !served.generations.numbers.contains(number) { return noGeneration(number, served) }
      let pair = try served.pair(a, b)
      return .json(
        ComparisonText.differences(
          topology: name, a: a, b: b, offsets: pair.offsets, exactFrom: pair.exactFrom, try pair.compare(comparing)))
    }
  }
}

extension NamedValues {
  /// `true` or `false`; absent is false.
  func flag(_ name: String) throws(Failure) -> Bool {
    switch self[name] {
    case nil, "false": return false
    case "true": return true
    case let text?: throw .invalid("\(name): \(NamedValues.shown(text)) is neither true nor false")
    }
  }

  func generation(_ name: String) throws(Failure) -> Int? {
    guard let text = self[name] else { return nil }
    guard let number = Int(text), number > 0 else {
      throw .invalid("\(name): \(NamedValues.shown(text)) is not the number of a generation")
    }
    return number
  }
}
