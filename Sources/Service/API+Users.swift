import Basics
import Dataflow
import Runtime

/// Single users: who stopped where in a funnel, and what one of them did.
extension API {
  /// The methods of a path; nil when it is none of these.
  func users(_ path: String) -> [String: Route]? {
    if path == "/sessions" {
      return [
        "GET": { (request) throws(Failure) in try user(UserParameters(request.query), request, funnels: false) }
      ]
    }
    // Whatever follows is the user, slashes included.
    guard path.hasPrefix("/users/"), path.utf8.count > 7 else { return nil }
    let id = String(path.dropFirst(7))
    return [
      "GET": { (request) throws(Failure) in
        try user(UserParameters(request.query, user: id), request, funnels: true)
      }
    ]
  }

  private func user(_ parameters: UserParameters, _ request: Request, funnels: Bool) throws(Failure) -> Response {
    let topology = try node.topology(named: parameters.topology, view: nil)
    let all = try gather(
      topology, "/sessions", [("user_id", parameters.user)],
      only: Answers.partition(of: parameters.user, partitions: topology.generation.partitionCount))
    var found = try all.reading.answers.user(parameters.user)
    for part in all.parts where found == nil { found = try UserAnswerText.timeline(part) }
    if let found {
      return .json(UserAnswerText.user(all.reading, parameters.user, found, funnels: funnels))
    }
    // Nobody knows him as long as whoever may is silent.
    if let missing = all.reading.partial.first {
      throw .unavailable("partition \(missing.partition), which would know him, gives no answer: \(missing.message)")
    }
    return .problem(
      404,
      "no event of user \(NamedValues.shown(parameters.user)) has been counted in topology "
        + "'\(topology.generation.topology.name)'")
  }

  /// `{users, next_cursor, total, ...}`
  func funnelUsers(_ view: String, _ request: Request) throws(Failure) -> Response {
    guard !view.hasPrefix(AskedFunnel.prefix) else {
      return .problem(404, "users are known of declared funnels only: of others, numbers are kept and nothing else")
    }
    let parameters = try FunnelUsersParameters(request.query)
    guard isFunnel(view, in: parameters.topology) else { return noFunnel(view, in: parameters.topology) }
    let topology = try node.topology(named: parameters.topology, view: view)
    let all = try gather(
      topology, request.path, request.query,
      retention: topology.generation.topology.funnel(named: view)?.retentionMilliseconds)
    let question = parameters.request(of: view)
    let parts = try onAllCores(all.reading.answers) { (share) throws(Failure) in try share.funnelUsersPart(question) }
    let answer = try all.reading.answers.withoutPartitions.funnelUsers(question, parts: parts + all.parts)
    var json = JSONText()
    json.object { json in
      json.key("users")
      json.array { json in for user in answer.users { json.value(String(decoding: user, as: UTF8.self)) } }
      json.field("next_cursor", answer.hasMore ? answer.users.last.map(UserCursor.text) : nil)
      json.field("total", answer.total)
      AnswerText.progress(all.reading.standing, &json)
    }
    return .json(json.text)
  }
}
