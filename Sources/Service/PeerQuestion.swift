import Basics
import Dataflow
import Foundation
import Runtime
import Synchronization

/// What one request asks of the other instances, and what becomes of their answers.
struct PeerQuestion {
  var path: String
  var items: [(name: String, value: String)]
  /// JSON to be sent along; nil: nothing.
  var body: String?
  var ownership: Ownership
  let own: Instance
  /// Partitions that the group has given to this process.
  var here: Set<Int>
  let partitionCount: Int
  /// The newest stamp that is known, by which all hide what has expired.
  var newestStamp: Int64?

  var access = PeerAccess()

  private static let seconds = 5.0

  /// One instance's answer for the partitions that are said to be its.
  struct Answer: Sendable {
    var instance: Instance
    var asked: [Int]
    var part: PeerPart?
    /// Why there is no part.
    var problem: String?
    /// Partitions that it does not have, or knows less of than the group does.
    var denied: Set<Int> = []

    var isOutdated: Bool { part == nil || !denied.isEmpty }
  }

  /// Asks all that are said to have partitions, at once.
  func ask() -> [Answer] {
    var byInstance: [Instance: [Int]] = [:]
    for (partition, owner) in ownership.owners where owner.instance != own && partition < partitionCount {
      byInstance[owner.instance, default: []].append(partition)
    }
    let asked = byInstance.map { (instance: $0.key, partitions: $0.value.sorted()) }
    let answers = Mutex<[Answer]>([])
    DispatchQueue.concurrentPerform(iterations: asked.count) { index in
      let answer = ask(asked[index].instance, asked[index].partitions)
      answers.withLock { $0.append(answer) }
    }
    return answers.withLock { $0 }
  }

  private func ask(_ instance: Instance, _ partitions: [Int]) -> Answer {
    var answer = Answer(instance: instance, asked: partitions)
    var items = items
    items.append(("peer_instance", instance.id))
    items.append(("peer_partitions", partitions.map(String.init).joined(separator: ",")))
    if let newestStamp { items.append(("peer_newest", String(newestStamp))) }
    do throws(Failure) {
      let got = try HTTPClient.ask(
        body == nil ? "GET" : "POST", "\(access.scheme)://\(instance.address)", path, items,
        body: body.map { Array($0.utf8) } ?? [], seconds: PeerQuestion.seconds, key: access.key)
      guard got.status == 200 else { throw .unavailable(got.problem) }
      let part = try PeerPart(got.bytes)
      answer.denied = Set(
        partitions.filter { partition in
          guard let offset = part.offsets[partition] else {
            return !part.partial.contains { $0.partition == partition }
          }
          return offset < ownership.owners[partition]!.offset
        })
      // A part cannot be taken apart: one that holds an outdated partition is none.
      if answer.denied.isDisjoint(with: part.offsets.keys) {
        answer.part = part
      } else {
        answer.problem = "it knows less than it told the group"
      }
    } catch {
      answer.problem = error.message
    }
    return answer
  }

  /// The partitions answered from here: those that the group says are ours, and those that are here and that whoever the group
  /// names does not have.
  func local(_ answers: [Answer]) -> Set<Int> {
    let denied = answers.reduce(into: Set<Int>()) { $0.formUnion($1.denied) }
    return here.filter { partition in
      guard let owner = ownership.owners[partition] else { return true }
      return owner.instance == own || denied.contains(partition)
    }
  }

  /// The answer of all: what is missing is named.
  ///
  /// - `behind`: of the partitions of an instance, complete until then, those that were further in answers from here.
  func together(
    _ reading: Reading, _ answers: [Answer], since statuses: [PartitionStatus],
    behind: (_ offsets: [Int: Int64], _ instance: Instance, _ completeUntil: Int64?) -> [MissingPartition] = {
      _, _, _ in []
    }
  ) -> API.Gathered {
    var reading = reading
    var times: [Int64?] = reading.offsets.isEmpty ? [] : [reading.completeUntil]
    var covered = Set(reading.offsets.keys).union(reading.partial.map(\.partition))
    for answer in answers {
      guard let part = answer.part else { continue }
      covered.formUnion(part.offsets.keys)
      covered.formUnion(part.partial.map(\.partition))
      reading.partial += part.partial
      let named = Set(part.partial.map(\.partition))
      reading.partial += behind(
        part.offsets.filter { !named.contains($0.key) }, answer.instance, part.completeUntil)
      reading.exactFrom = [reading.exactFrom, part.exactFrom].compactMap { $0 }.max()
      if !part.offsets.isEmpty { times.append(part.completeUntil) }
      reading.offsets.merge(part.offsets) { own, _ in own }
    }
    for partition in 0..<partitionCount where !covered.contains(partition) {
      reading.partial.append(
        MissingPartition(partition: partition, message: missing(partition, answers, statuses)))
    }
    reading.partial.sort { $0.partition < $1.partition }
    reading.completeUntil = times.contains { $0 == nil } ? nil : times.compactMap { $0 }.min()
    return API.Gathered(reading: reading, parts: answers.compactMap { $0.part?.cells })
  }

  private func missing(_ partition: Int, _ answers: [Answer], _ statuses: [PartitionStatus]) -> String {
    var since = ""
    if case .elsewhere(let time)? = statuses.first(where: { $0.partition == partition })?.state {
      since = "; not here since \(Timestamp(milliseconds: time))"
    }
    if let answer = answers.first(where: { $0.asked.contains(partition) }) {
      let address = answer.instance.address
      if let problem = answer.problem {
        return "instance \(address), which the group says has it, gives no answer: \(problem)\(since)"
      }
      return "instance \(address) has given it up, and nobody has said yet that he has it\(since)"
    }
    if let failure = ownership.failure { return "nobody knows who has it: \(failure.message)\(since)" }
    return "no instance of the consumer group has said that it has it\(since)"
  }
}
