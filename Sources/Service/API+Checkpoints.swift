import Basics
import Runtime

/// Checkpoints and verification over HTTP.
extension API {
  /// The methods of a checkpoint's path: its number, and what is to become of it.
  func checkpoint(of name: String, _ rest: [String]) -> [String: Route]? {
    switch rest.dropFirst().first {
    case nil: ["DELETE": alone { () throws(Failure) in try dropCheckpoint(name, rest[0]) }]
    case "export": ["POST": { (request) throws(Failure) in try export(name, rest[0], request) }]
    case "restore":
      [
        "POST": alone { () throws(Failure) in
          try with(name) { (_) throws(Failure) in
            .problem(
              409,
              "answers are read from the state that this would replace: stop the server, 'millrace checkpoint restore \(name)' in "
                + "its data directory, and start it again; or rebuild it beside what is served: POST /topologies/\(name)/replays"
            )
          }
        }
      ]
    default: nil
    }
  }

  func checkpoints(_ name: String) throws(Failure) -> Response {
    try with(name) { (served) throws(Failure) in .json(try CheckpointText.list(served.checkpoints)) }
  }

  func createCheckpoint(_ name: String, _ request: Request) throws(Failure) -> Response {
    let values = try OperationParameters(request, known: ["keep"]).values
    let keep = try values.integer("keep", in: 1...10_000)
    return try with(name) { (served) throws(Failure) in
      .json(CheckpointText.action("made", try served.checkpoint(keep: keep), served.checkpoints))
    }
  }

  private func dropCheckpoint(_ name: String, _ id: String) throws(Failure) -> Response {
    try with(name) { (served) throws(Failure) in
      guard let number = try known(id, served) else { return noCheckpoint(id, served) }
      return .json(CheckpointText.action("dropped", try served.drop(checkpoint: number), served.checkpoints))
    }
  }

  /// - `id`: a number, or `newest`.
  private func export(_ name: String, _ id: String, _ request: Request) throws(Failure) -> Response {
    let values = try OperationParameters(request, known: ["directory"]).values
    guard let directory = values["directory"] else {
      throw .invalid("directory is missing: a new one on the server's machine, from the root on")
    }
    return try with(name) { (served) throws(Failure) in
      guard let number = try known(id, served) else { return noCheckpoint(id, served) }
      return .json(
        CheckpointText.action("exported", try served.export(checkpoint: number, to: directory), served.checkpoints))
    }
  }

  private func known(_ id: String, _ served: ServedTopology) throws(Failure) -> Int? {
    let all = try served.checkpoints.list()
    return id == "newest" ? all.last?.id : all.first { "\($0.id)" == id }?.id
  }

  private func noCheckpoint(_ id: String, _ served: ServedTopology) -> Response {
    .problem(
      404,
      "what is served of '\(served.name)' has no checkpoint \(NamedValues.shown(id)): /topologies/\(served.name)/checkpoints lists them"
    )
  }

  func verify(_ name: String, _ request: Request) throws(Failure) -> Response {
    let values = try OperationParameters(request, known: ["from", "to"]).values
    let (start, end) = (try values.time("from", timezone: "UTC"), try values.time("to", timezone: "UTC"))
    return try with(name) { (served) throws(Failure) in
      let asked = try served.askToVerify(start: start, end: end)
      return .json(
        VerificationText.asked(name, asked), status: 202,
        [Response.Header(name: "Location", value: "/topologies/\(name)/verifications/\(asked.id)")])
    }
  }

  func verification(_ name: String, _ id: String) throws(Failure) -> Response {
    try with(name) { (served) throws(Failure) in
      guard let asked = served.askedVerification, "\(asked.id)" == id else {
        return .problem(
          404,
          "there is no verification \(NamedValues.shown(id)) of '\(name)': only the last one is remembered, while the server runs"
        )
      }
      return .json(VerificationText.asked(name, asked))
    }
  }
}

extension NamedValues {
  func integer(_ name: String, in range: ClosedRange<Int>) throws(Failure) -> Int? {
    guard let text = self[name] else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw .invalid(
        "\(name): \(NamedValues.shown(text)) is not a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}
