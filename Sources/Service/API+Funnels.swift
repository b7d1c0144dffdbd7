import Basics
import Dataflow
import Runtime

/// Funnels that no topology declares, computed from the log by whoever asks for them.
extension API {
  /// The methods of a path; nil when it is none of these.
  func funnels(_ path: String) -> [String: Route]? {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
    guard parts.first == "funnels" else { return nil }
    switch parts.count {
    case 1:
      return [
        "GET": { (request) throws(Failure) in try listFunnels(request) },
        "POST": { (request) throws(Failure) in
          _ = try NamedValues(request.query, known: [])
          return try ask(request)
        },
      ]
    case 2 where parts[1].hasPrefix(AskedFunnel.prefix):
      return [
        "GET": { (request) throws(Failure) in try asked(parts[1], request) },
        "DELETE": alone { () throws(Failure) in cancel(parts[1]) },
      ]
    case 3 where parts[2] == "users":
      return ["GET": { (request) throws(Failure) in try funnelUsers(parts[1], request) }]
    default: return nil
    }
  }

  private func ask(_ request: Request) throws(Failure) -> Response {
    let question = try FunnelQuestion(request.body)
    let topology = try node.topology(named: question.topology, view: nil)
    let reply = try node.ask(question.funnel, of: topology) { asked in
      asked.start = question.start
      asked.end = question.end
      asked.trend = question.trend
      asked.timezone = question.timezone
    }
    guard case .taken(let id, _) = reply else {
      return .problem(
        429,
        "\(node.funnels.limits.running) of these are computed at a time and \(node.funnels.limits.waiting) wait already: try again "
          + "later, or cancel one (DELETE /funnels/{funnel_id})", [Response.retrySoon])
    }
    var json = JSONText()
    let state = try node.funnels.state(of: id)
    json.object { json in
      json.field("funnel_id", id)
      json.field("topology", topology.generation.topology.name)
      if let state { API.state(state, &json) }
    }
    return .json(json.text, status: 202, [Response.Header(name: "Location", value: "/funnels/\(id)/results")])
  }

  /// Of `GET /funnels/{id}/results`: how far it is, or what it came to.
  func asked(_ id: String, _ request: Request) throws(Failure) -> Response {
    let values = try NamedValues(request.query, known: ["limit", "histogram"])
    guard let asked = node.funnels.asked(id), let state = try node.funnels.state(of: id) else {
      return unknownFunnel(id)
    }
    if case .finished(let result) = state {
      let answer = try result.answer(to: asked, limit: try FunnelParameters.limit(values))
      return .json(AnswerText.funnel(id, asked, result, answer, histogram: try values.flag("histogram")))
    }
    var json = JSONText()
    json.object { json in
      json.field("funnel_id", id)
      API.state(state, &json)
      AnswerText.asked(asked, &json)
    }
    // What failed is over, and does not become anything else.
    if case .failed = state { return .json(json.text) }
    return .json(json.text, status: 202, [Response.Header(name: "Retry-After", value: "1")])
  }

  private func cancel(_ id: String) -> Response {
    guard node.funnels.cancel(id) else { return unknownFunnel(id) }
    var json = JSONText()
    json.object { json in
      json.field("funnel_id", id)
      json.field("state", "cancelled")
    }
    return .json(json.text)
  }

  private func unknownFunnel(_ id: String) -> Response {
    .problem(
      404,
      "there is no funnel \(NamedValues.shown(id)): it was cancelled, or is one of those that are no longer kept; ask again with "
        + "POST /funnels")
  }

  /// Declared ones and those that were asked for.
  private func listFunnels(_ request: Request) throws(Failure) -> Response {
    _ = try NamedValues(request.query, known: [])
    var states: [(id: String, asked: AskedFunnel, state: AskedFunnels.State)] = []
    for id in node.funnels.ids {
      guard let asked = node.funnels.asked(id), let state = try node.funnels.state(of: id) else { continue }
      states.append((id, asked, state))
    }
    var json = JSONText()
    json.object { json in
      json.key("funnels")
      json.array { json in
        for topology in node.topologies.map(\.generation.topology) {
          for view in topology.views where topology.funnel(named: view.name) != nil {
            json.object { json in
              json.field("funnel_id", view.name)
              json.field("state", "declared")
              json.field("topology", topology.name)
            }
          }
        }
        for (id, asked, state) in states {
          json.object { json in
            json.field("funnel_id", id)
            API.state(state, &json)
            AnswerText.asked(asked, &json)
          }
        }
      }
    }
    return .json(json.text)
  }

  /// `{state}`, and what is to be said of it.
  private static func state(_ state: AskedFunnels.State, _ json: inout JSONText) {
    switch state {
    case .waiting(let before):
      json.field("state", "waiting")
      json.field("waiting_for", before)
    case .running(let done, let total, let isHeld, let secondsLeft):
      json.field("state", isHeld ? "held" : "running")
      json.field("progress", number: total.flatMap { FunnelAnswer.rate(min(done, $0), of: $0) })
      json.field("events", done)
      json.field("events_total", total)
      json.field("eta_seconds", isHeld ? nil : secondsLeft)
    case .finished: json.field("state", "done")
    case .failed(let failure):
      json.field("state", "failed")
      json.field("message", "\(failure.message); ask again with POST /funnels")
    }
  }
}
