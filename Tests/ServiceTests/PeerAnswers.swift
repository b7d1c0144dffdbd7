import Basics
import Runtime
import Testing

@testable import Service

/// Goal: an answer of several instances never counts a partition twice, or one that its instance no longer has, and names what
/// is not in it. Method: answers of made-up instances; that real ones agree is in the tests of the shipped program.
@Suite struct PeerAnswers {
  private let own = Instance(id: "own", address: "127.0.0.1:1")
  private let other = Instance(id: "other", address: "127.0.0.1:2")

  private func part(_ offsets: [Int: Int64], until: Int64?, partial: [MissingPartition] = []) throws -> PeerPart {
    var part = PeerPart(try TestNode().node.topologies[0].reading(), cells: [1, 2, 3])
    part.offsets = offsets
    part.newestStamp = 7
    part.completeUntil = until
    part.exactFrom = nil
    part.partial = partial
    return part
  }

  private func question(_ owners: [Int: (Instance, Int64)], here: Set<Int>) -> PeerQuestion {
    var ownership = Ownership()
    ownership.owners = owners.mapValues { Ownership.Owner(instance: $0.0, offset: $0.1) }
    return PeerQuestion(
      path: "/peers/d/query", items: [], ownership: ownership, own: own, here: here, partitionCount: 4)
  }

  @Test func partsComeBackAsTheyWereSent() throws {
    let sent = try part([3: 40, 0: -1], until: nil, partial: [MissingPartition(partition: 2, message: "ä")])
    let got = try PeerPart(sent.encoded)
    #expect(got.offsets == sent.offsets && got.partial == sent.partial && got.cells == [1, 2, 3])
    #expect(got.newestStamp == 7 && got.completeUntil == nil && got.exactFrom == nil)
    for count in 0..<sent.encoded.count {
      #expect(throws: Failure.self) { try PeerPart(Array(sent.encoded[..<count])) }
    }
    var newer = sent.encoded
    newer[0] = 3
    #expect(throws: Failure.unavailable("it speaks format 3, not 2: run one version of the program everywhere")) {
      try PeerPart(newer)
    }
  }

  @Test func theGroupsWordDecidesUnlessItIsDenied() {
    let question = question([0: (own, 5), 1: (other, 5), 2: (other, 5)], here: [0, 1, 2, 3])
    var answer = PeerQuestion.Answer(instance: other, asked: [1, 2])
    // Unreachable: what we still have of its partitions may be old.
    answer.problem = "away"
    #expect(question.local([answer]) == [0, 3])
    answer.problem = nil
    answer.denied = [2]
    #expect(question.local([answer]) == [0, 2, 3])
    #expect(self.question([0: (own, 5)], here: [1]).local([]) == [1])
  }

  @Test func whatIsMissingIsNamed() throws {
    let test = try TestNode()
    var reading = try test.node.topologies[0].reading()
    reading.offsets = [0: 9]
    reading.partial = []
    reading.completeUntil = 100
    let question = question([0: (own, 9), 1: (other, 5), 2: (other, 5)], here: [0])
    var answer = PeerQuestion.Answer(instance: other, asked: [1, 2])
    answer.part = try part([1: 6], until: 90, partial: [MissingPartition(partition: 2, message: "damaged")])
    let whole = question.together(reading, [answer], since: [])
    #expect(whole.reading.completeUntil == 90)
    #expect(whole.reading.offsets == [0: 9, 1: 6] && whole.parts == [[1, 2, 3]])
    #expect(whole.reading.partial.map(\.partition) == [2, 3])
    #expect(whole.reading.partial[0].message == "damaged")
    #expect(whole.reading.partial[1].message == "no instance of the consumer group has said that it has it")
    answer.part = nil
    answer.problem = "no answer"
    let less = question.together(reading, [answer], since: [])
    #expect(less.reading.completeUntil == 100 && less.parts.isEmpty)
    #expect(
      less.reading.partial[0]
        == MissingPartition(
          partition: 1, message: "instance 127.0.0.1:2, which the group says has it, gives no answer: no answer"))
    #expect(less.reading.partial.map(\.partition) == [1, 2, 3])
  }

  @Test func onlyTheRunThatIsMeantAnswers() throws {
    let test = try TestNode()
    let digest = test.node.topologies[0].generation.digest
    let answer = test.api.respond(
      Request(
        "POST", "/peers/\(digest)/query", query: [("peer_instance", "somebody"), ("peer_partitions", "0")],
        body: Array("{\"queries\":[{\"metric\":\"events\"}]}".utf8)))
    #expect(answer.status == 409)
    #expect(answer.body.contains("every instance needs an address of its own"))
  }
}
