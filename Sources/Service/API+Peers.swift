import Basics
import Dataflow
import Runtime

/// Any instance of a consumer group answers for all: it asks the instances that have the other partitions for their parts, as
/// columns, and puts them together. Who has what is Kafka's word; a part that nobody gives is named as missing.
extension API {
  /// What an answer is made of.
  struct Gathered {
    /// Of the partitions here; `partial` and `completeUntil` are of all.
    var reading: Reading
    /// Of the other instances, as they made them.
    var parts: [[UInt8]]
  }

  private static func here(_ topology: LiveTopology) -> Set<Int> {
    Set(topology.statuses.filter(\.isHere).map(\.partition))
  }

  private static let rounds = 5

  /// - `path`, `items`: what the other instances are asked: the same as we were.
  /// - `body`: what goes with it; nil: nothing.
  /// - `retention`: when expired buckets cannot be told from others in a part, so that all have to hide the same.
  /// - `partition`: the only one that matters; nil: all do.
  func gather(
    _ topology: LiveTopology, _ path: String, _ items: [(name: String, value: String)], body: String? = nil,
    retention: Int64? = nil, only partition: Int? = nil
  ) throws(Failure) -> Gathered {
    guard let ownership = topology.ownership, let own = node.instance else {
      return Gathered(reading: try topology.reading(), parts: [])
    }
    if let partition { return try gather(topology, path, items, only: partition, ownership, own) }
    var question = PeerQuestion(
      path: "/peers/\(topology.generation.digest)\(path)", items: items, body: body, ownership: ownership, own: own,
      here: API.here(topology), partitionCount: topology.generation.partitionCount, access: peers)
    var mayAskGroup = true
    for _ in 0..<API.rounds {
      let answers = question.ask()
      if mayAskGroup, answers.contains(where: \.isOutdated) {
        // Partitions may have moved since the group was asked.
        mayAskGroup = false
        topology.askForOwners(milliseconds: 1_000)
        let before = question.ownership.instances
        question.ownership = topology.ownership ?? ownership
        question.here = API.here(topology)
        if question.ownership.instances != before { continue }
      }
      var newest = question.newestStamp
      for answer in answers { newest = [newest, answer.part?.newestStamp].compactMap { $0 }.max() }
      let reading = try topology.reading(of: question.local(answers), newestStamp: newest)
      newest = reading.answers.newestStamp
      if answers.allSatisfy({ answer in
        answer.part.map { Answers.expiresAlike($0.newestStamp, newest, retention: retention) } ?? true
      }) {
        return question.together(reading, answers, since: topology.statuses, behind: topology.behind)
      }
      question.newestStamp = newest
    }
    throw .unavailable(
      "the instances read history at different speeds and do not yet agree on what has expired: try again")
  }

  /// As `gather`, of a partition alone: its instance is asked, and no other.
  private func gather(
    _ topology: LiveTopology, _ path: String, _ items: [(name: String, value: String)], only partition: Int,
    _ ownership: Ownership, _ own: Instance
  ) throws(Failure) -> Gathered {
    var ownership = ownership
    ownership.owners = ownership.owners.filter { $0.key == partition }
    let question = PeerQuestion(
      path: "/peers/\(topology.generation.digest)\(path)", items: items, ownership: ownership, own: own,
      here: API.here(topology).intersection([partition]), partitionCount: topology.generation.partitionCount,
      access: peers)
    let answers = question.ask()
    var gathered = question.together(
      try topology.reading(of: question.local(answers)), answers, since: topology.statuses, behind: topology.behind)
    gathered.reading.partial.removeAll { $0.partition != partition }
    return gathered
  }

  /// `POST /peers/{digest}/query` and `GET /peers/{digest}/funnels/{view}/results`, asked by other instances: a part of the
  /// answer. Not part of the API for others.
  func peer(_ digest: String, _ path: [String], _ request: Request) throws(Failure) -> Response {
    var items = request.query
    func take(_ name: String) -> String? {
      guard let index = items.firstIndex(where: { $0.name == name }) else { return nil }
      return items.remove(at: index).value
    }
    let partitions = Set((take("peer_partitions") ?? "").split(separator: ",").compactMap { Int($0) })
    let newest = take("peer_newest").flatMap { Int64($0) }
    let instance = take("peer_instance")
    guard instance == node.instance?.id, let own = node.instance else {
      return .problem(
        409, "this is another instance: \(node.instance?.id ?? "none"); every instance needs an address of its own")
    }
    guard let topology = node.topologies.first(where: { $0.generation.digest == digest }) else {
      return .problem(404, "instance \(own.address) serves nothing of this meaning")
    }
    var reading = try topology.reading(of: partitions.intersection(API.here(topology)), newestStamp: newest)
    let cells: [UInt8]
    if path == ["query"] {
      reading.answers.limits = limits(request)
      cells = try queryParts(reading, try QueryBody(request.body).questions)
    } else if path == ["sessions"] {
      cells = UserAnswerText.part(try reading.answers.user(try UserParameters(items).user))
    } else if path[2] == "users" {
      let question = try FunnelUsersParameters(items).request(of: path[1])
      let parts = try onAllCores(reading.answers) { (share) throws(Failure) in try share.funnelUsersPart(question) }
      cells = try reading.answers.withoutPartitions.funnelUsersPart(question, parts: parts)
    } else {
      let question = try FunnelParameters(items).request(of: path[1])
      let parts = try onAllCores(reading.answers) { (share) throws(Failure) in try share.funnelPart(question) }
      cells = try reading.answers.withoutPartitions.funnelPart(question, parts: parts)
    }
    return Response(200, "application/octet-stream", PeerPart(reading, cells: cells).encoded)
  }
}
