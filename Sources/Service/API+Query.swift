import Basics
import Dataflow
import Runtime

/// Metrics over time. Whatever is asked at once is answered from one reading: one generation, one snapshot of each partition.
extension API {
  /// What answers say of themselves where the format has no place for it.
  static let answerHeaders = [
    "Millrace-Complete-Until", "Millrace-Freshness-Seconds", "Millrace-Generation", "Millrace-Next-Cursor",
    "Millrace-Partial",
  ]

  /// The methods of a path; nil when it is none of these.
  func queries(_ path: String) -> [String: Route]? {
    if path == "/query" {
      return [
        "GET": { (request) throws(Failure) in
          try shared(request) { () throws(Failure) in
            try answer([try QueryParameters(request.query)], isList: false, request)
          }
        },
        "POST": { (request) throws(Failure) in
          _ = try NamedValues(request.query, known: [])
          let body = try QueryBody(request.body)
          return try answer(body.questions, isList: body.isList, request)
        },
      ]
    }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 4, parts[1] == "peers", parts[3] == "query" else { return nil }
    return ["POST": { (request) throws(Failure) in try peer(parts[2], ["query"], request) }]
  }

  /// One answer of a question, or several of one reading.
  private struct Given {
    var standing: Standing
    var pages: [QueryPage]
    var tag: String
  }

  private func answer(
    _ questions: [QueryParameters], isList: Bool, _ request: Request
  ) throws(Failure) -> Response {
    guard let format = try questions[0].format() ?? AnswerFormat.accepted(request.headers["accept"]) else {
      return .problem(
        406, "answers are application/json, application/x-ndjson or text/csv, none of which the request accepts")
    }
    var pages: [(limit: Int, cursor: Cursor?)] = []
    for question in questions { pages.append(try question.page()) }
    if isList {
      if format != .json { return .problem(406, "several metrics at once are answered as JSON only") }
      if pages.contains(where: { $0.cursor != nil }) {
        throw .invalid("cursor: pages are asked for one metric at a time")
      }
    }
    if let cursor = pages[0].cursor, let kept = kept[cursor.answer] {
      guard kept.question == questions[0].question else {
        throw .invalid("cursor: it is of another question; every page takes the parameters of the first")
      }
      let page = QueryPage(kept.answer, name: cursor.answer, offset: cursor.offset, limit: pages[0].limit)
      let tag = API.tag([cursor.answer], format, pages)
      return respond(Given(standing: kept.standing, pages: [page], tag: tag), format, isList: false, request)
    }
    let topology = try topology(of: questions, isList: isList)
    var requests: [QueryRequest] = []
    for (index, question) in questions.enumerated() {
      requests.append(
        try API.naming(isList ? index : nil) { () throws(Failure) in
          try question.request(of: topology.generation.topology)
        })
    }
    var all = try gather(topology, "/query", [], body: QueryBody.text(questions))
    all.reading.answers.limits = limits(request)
    let standing = all.reading.standing
    let names = questions.map { AnswerName(standing, $0.question) }
    let tag = API.tag(names, format, pages)
    if let cursor = pages[0].cursor, cursor.answer != names[0] { return API.gone }
    if API.matches(request, tag) { return unchanged(standing, tag) }
    var parts: [[[UInt8]]] = []
    for part in all.parts { parts.append(try API.parts(part, count: questions.count)) }
    var given = Given(standing: standing, pages: [], tag: tag)
    for index in questions.indices {
      let answer: QueryAnswer
      if let known = kept[names[index]] {
        answer = known.answer
      } else {
        answer = try API.naming(isList ? index : nil) { () throws(Failure) in
          try all.reading.answers.query(requests[index], parts: parts.map { $0[index] })
        }
      }
      let page = QueryPage(
        answer, name: names[index], offset: pages[index].cursor?.offset ?? 0, limit: pages[index].limit)
      let isKept = kept.keep(
        KeptAnswers.Kept(
          question: questions[index].question, standing: standing, answer: answer, hasPages: page.next != nil),
        as: names[index])
      guard isKept || page.next == nil else {
        throw .invalid(
          "the answer's \(answer.rows.count) rows are more than are kept from page to page: narrow the range, or raise "
            + "'limit' so that they are one page")
      }
      given.pages.append(page)
    }
    return respond(given, format, isList: isList, request)
  }

  /// What is wrong with one of several is said with its place.
  private static func naming<T>(_ index: Int?, _ body: () throws(Failure) -> T) throws(Failure) -> T {
    do throws(Failure) { return try body() } catch {
      throw Failure(error.kind, index.map { "queries[\($0)]: \(error.message)" } ?? error.message)
    }
  }

  private func topology(of questions: [QueryParameters], isList: Bool) throws(Failure) -> LiveTopology {
    var found: LiveTopology?
    for (index, question) in questions.enumerated() {
      let topology = try API.naming(isList ? index : nil) { () throws(Failure) in
        try node.topology(named: question.topology, view: question.view, metric: question.metric)
      }
      let name = topology.generation.topology.name
      guard found == nil || found!.generation.topology.name == name else {
        throw .invalid(
          "queries[\(index)]: it is of topology '\(name)', the ones before of '\(found!.generation.topology.name)'; one "
            + "reading is of one topology")
      }
      // The first one's: another generation may be promoted in between.
      found = found ?? topology
    }
    return found!
  }

  func limits(_ request: Request) -> QueryLimits {
    var limits = QueryLimits()
    limits.bytes = max(64 << 20, node.budget.bytes / 16)
    let watch = QueryWatch(milliseconds: queryMilliseconds, isGone: request.isGone)
    limits.interruption = { watch.interruption }
    return limits
  }

  /// What these partitions add to answers that another instance puts together: one part a question, each with its length.
  func queryParts(_ reading: Reading, _ questions: [QueryParameters]) throws(Failure) -> [UInt8] {
    var writer = ByteWriter(capacity: 4_096)
    writer.varint(UInt64(questions.count))
    for question in questions {
      let part = try reading.answers.queryPart(try question.request(of: reading.topology))
      part.withUnsafeBytes { writer.text($0) }
    }
    return Array(writer.bytes)
  }

  static func parts(_ bytes: [UInt8], count: Int) throws(Failure) -> [[UInt8]] {
    let parts = try bytes.span.withUnsafeBytes { (bytes) throws(Failure) in
      var reader = ByteReader(bytes, "another instance's part of an answer")
      var parts: [[UInt8]] = []
      for _ in 0..<(try reader.count(limit: reader.remaining)) { parts.append(Array(try reader.text())) }
      return parts
    }
    guard parts.count == count else {
      throw .corrupt("another instance's part of an answer: \(parts.count) of \(count) questions")
    }
    return parts
  }

  private static let gone = Response.problem(
    410, "cursor: its answer is no longer kept and the numbers have changed since: ask anew, from the first page on")

  /// Weak: how fresh the answer is may differ, its rows do not.
  private static func tag(
    _ names: [AnswerName], _ format: AnswerFormat, _ pages: [(limit: Int, cursor: Cursor?)]
  ) -> String {
    let texts =
      names.map(\.text) + [format.rawValue] + pages.map { "\($0.limit)" } + pages.map { $0.cursor?.text ?? "" }
    return "W/\"\(AnswerName(texts).text)\""
  }

  private static func matches(_ request: Request, _ tag: String) -> Bool {
    guard let known = request.headers["if-none-match"] else { return false }
    return known.split(separator: ",").contains { part in
      let part = part.trimmingPrefix { $0 == " " }
      return part == "*" || part == tag || "W/\(part)" == tag
    }
  }

  private func unchanged(_ standing: Standing, _ tag: String) -> Response {
    Response(304, headers: API.headers(standing, tag, next: nil))
  }

  private static func headers(_ standing: Standing, _ tag: String, next: Cursor?) -> [Response.Header] {
    var headers = [
      Response.Header(name: "ETag", value: tag),
      Response.Header(name: "Vary", value: "Accept"),
      Response.Header(name: "Millrace-Generation", value: "\(standing.generation)"),
    ]
    if let until = standing.completeUntil {
      headers.append(Response.Header(name: "Millrace-Complete-Until", value: AnswerText.time(until)))
    }
    if let seconds = standing.freshnessSeconds {
      headers.append(Response.Header(name: "Millrace-Freshness-Seconds", value: "\(seconds)"))
    }
    if let next { headers.append(Response.Header(name: "Millrace-Next-Cursor", value: next.text)) }
    if !standing.partial.isEmpty {
      let missing = standing.partial.map { "\($0.partition)" }.joined(separator: ", ")
      headers.append(Response.Header(name: "Millrace-Partial", value: missing))
    }
    return headers
  }

  private func respond(_ given: Given, _ format: AnswerFormat, isList: Bool, _ request: Request) -> Response {
    if API.matches(request, given.tag) { return unchanged(given.standing, given.tag) }
    let text =
      switch format {
      case .json where isList: QueryText.json(given.standing, given.pages) + "\n"
      case .json: QueryText.json(given.standing, given.pages[0]) + "\n"
      case .flat: QueryText.flat(given.pages[0]) + "\n"
      case .ndjson: QueryText.ndjson(given.pages[0])
      case .csv: QueryText.csv(given.pages[0])
      }
    var response = Response(200, format.mediaType, text)
    let headers = API.headers(given.standing, given.tag, next: isList ? nil : given.pages[0].next)
    response.headers += headers
    return response
  }
}
