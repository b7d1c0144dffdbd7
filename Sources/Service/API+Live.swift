import Basics
import Dataflow
import Runtime

/// `GET /live`: the newest rows of a question, and then what changes in them, as server-sent events.
extension API: LiveSource {
  func live(_ request: Request) throws(Failure) -> Response {
    let question = try LiveQuestion(request.query)
    // Who asks for the head alone will not read on.
    guard request.method != "HEAD" else { return Response(200, "text/event-stream", "") }
    return .events(try feed.listen(question, self))
  }

  func mark(_ question: LiveQuestion) throws(Failure) -> LiveMark {
    let topology = try topology(question)
    let statuses = topology.statuses
    let isShared = topology.ownership != nil && node.instance != nil
    return LiveMark(
      generation: topology.generation.number, offsets: statuses.map(\.offset),
      arePartitionsWhole: statuses.map { $0.failure == nil && $0.isHere },
      second: isShared ? monotonicMilliseconds() / 1_000 : nil)
  }

  func answer(_ question: LiveQuestion) throws(Failure) -> LiveRows.Answer {
    let topology = try topology(question)
    let start = question.start(topology.statuses, now: wallMilliseconds())
    let items = question.parameters(from: start)
    let parameters = try QueryParameters(items)
    let asked = try parameters.request(of: topology.generation.topology)
    let all = try gather(topology, "/query", [], body: QueryBody.text([parameters]))
    var parts: [[UInt8]] = []
    for part in all.parts { parts += try API.parts(part, count: 1) }
    return LiveRows.Answer(
      reading: all.reading, answer: try all.reading.answers.query(asked, parts: parts), start: start)
  }

  func reading(_ question: LiveQuestion) throws(Failure) -> Reading { try topology(question).reading() }

  private func topology(_ question: LiveQuestion) throws(Failure) -> LiveTopology {
    try node.topology(named: question.topology, view: question.view, metric: question.metric)
  }
}
