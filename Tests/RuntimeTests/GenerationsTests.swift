import Basics
import Dataflow
import Foundation
import Synchronization
import Testing

@testable import Runtime

private let text = """
  topology: small
  views:
    activity:
      rollup: { of: events, measures: { events: count }, grains: { hour: forever } }
  """

/// Goal: whatever moment a change of generations is cut at, the directory opens and says the same as before it or after it.
/// Method: real directories, and what a killed process would have left in them.
@Suite struct GenerationsTests {
  private let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-gen-\(UUID().uuidString)")
    .path

  private func definition() throws -> Topology { try Topology.load(text: text, file: "small.yaml") }

  private func make(_ generations: Generations) throws -> Generation {
    try generations.create(try definition(), text: text, source: .log, starts: [0, 0])
  }

  @Test func theFirstIsServedAndTheNextIsNot() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let data = try DataDirectory(directory, create: true)
    let generations = Generations(data, of: "small")
    let first = try Generation.create(data, topology: try definition(), text: text, source: .log, starts: [0, 0])
    #expect(first.number == 1)
    #expect(try make(generations).number == 2)
    #expect(try Generation.load(data, topology: "small").number == 1)
    #expect(try generations.all().map(\.state) == [.live, .building])
    try generations.update(2) { $0.caughtUpAt = 5 }
    #expect(try generations.all().map(\.state) == [.live, .caughtUp])
    try generations.promote(2)
    #expect(try generations.all().map(\.state) == [.previous, .live])
    #expect(try generations.rollback() == (2, 1))
    #expect(try generations.all().map(\.state) == [.live, .retired])
    #expect(throws: Failure.self) { try generations.rollback() }
  }

  @Test func aNumberIsGivenOnce() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let data = try DataDirectory(directory, create: true)
    let generations = Generations(data, of: "small")
    _ = try Generation.create(data, topology: try definition(), text: text, source: .log, starts: [0, 0])
    _ = try make(generations)
    try generations.drop(2)
    #expect(generations.numbers == [1])
    #expect(try make(generations).number == 3)
    #expect(throws: Failure.self) { try generations.drop(1) }
  }

  @Test func whatAKilledProcessLeftIsSwept() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var data: DataDirectory? = try DataDirectory(directory, create: true)
    _ = try Generation.create(data!, topology: try definition(), text: text, source: .log, starts: [0, 0])
    data = nil
    let home = "\(directory)/topologies/small"
    // Half made, half removed, being compared; and as an older program made them: in the final directory at once.
    for name in ["gen-2.new", "gen-7.gone", "scratch/p-000", "gen-3"] {
      try FileManager.default.createDirectory(atPath: "\(home)/\(name)", withIntermediateDirectories: true)
    }
    try "5\n".write(toFile: "\(home)/current.new", atomically: false, encoding: .utf8)
    let opened = try DataDirectory(directory, create: false)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: home).filter { $0.hasPrefix("gen") || $0 == "scratch" } == [
        "gen-1"
      ])
    #expect(try Generation.load(opened, topology: "small").number == 1)
  }

  /// Killed before what is served was exchanged, it is still to be; killed right after, it is served, and a rollback is not undone
  /// by what was once asked for.
  @Test func aPromotionIsCutInTwo() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let data = try DataDirectory(directory, create: true)
    let generations = Generations(data, of: "small")
    _ = try Generation.create(data, topology: try definition(), text: text, source: .log, starts: [0, 0])
    _ = try make(generations)
    try generations.update(2) {
      $0.caughtUpAt = 5
      $0.promotion = Generations.PromotionTerms()
      $0.replaced = 1
    }
    #expect(try generations.all().map(\.state) == [.live, .caughtUp])
    try "2\n".write(toFile: "\(directory)/topologies/small/current", atomically: true, encoding: .utf8)
    #expect(try generations.all().map(\.state) == [.previous, .live])
    #expect(try generations.rollback() == (2, 1))
    #expect(try generations.all().map(\.state) == [.live, .retired])
    #expect(try generations.record(of: 2).promotion == nil)
  }

  @Test func nobodySeesHalfAPromotion() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let data = try DataDirectory(directory, create: true)
    let generations = Generations(data, of: "small")
    _ = try Generation.create(data, topology: try definition(), text: text, source: .log, starts: [0, 0])
    _ = try make(generations)
    try generations.promote(2)
    let seen = Mutex<Set<[GenerationState]>>([])
    let isOver = Mutex(false)
    let looking = DispatchGroup()
    DispatchQueue.global().async(group: looking) {
      while !isOver.withLock({ $0 }) {
        guard let states = try? generations.all().map(\.state) else { continue }
        _ = seen.withLock { $0.insert(states) }
      }
    }
    for _ in 0..<200 {
      _ = try generations.rollback()
      try generations.promote(2)
    }
    isOver.withLock { $0 = true }
    looking.wait()
    #expect(seen.withLock { $0 }.isSubset(of: [[.previous, .live], [.live, .retired]]))
  }

  /// Killed after the generation was made and before it was served.
  @Test func aFirstGenerationThatNobodyServesIsTaken() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let data = try DataDirectory(directory, create: true)
    _ = try make(Generations(data, of: "small"))
    let made = try Generation.create(data, topology: try definition(), text: text, source: .log, starts: [0, 0])
    #expect(made.number == 1)
    #expect(try Generations(data, of: "small").live() == 1)
  }

  /// As the programs before generations wrote it.
  @Test func anOlderDirectoryOpens() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let home = "\(directory)/topologies/small"
    try FileManager.default.createDirectory(atPath: "\(home)/gen-1", withIntermediateDirectories: true)
    try "{\"format\":1}\n".write(toFile: "\(directory)/millrace.json", atomically: false, encoding: .utf8)
    try text.write(toFile: "\(home)/gen-1/topology.yaml", atomically: false, encoding: .utf8)
    let digest = Semantics.digest(of: try definition())
    try """
    { "digest" : "\(digest)", "format" : 1, "number" : 1, "partitions" : 2, "source" : { "log" : {} }, "starts" : [0, 4] }
    """.write(toFile: "\(home)/gen-1/generation.json", atomically: false, encoding: .utf8)
    try "1\n".write(toFile: "\(home)/current", atomically: false, encoding: .utf8)
    let data = try DataDirectory(directory, create: false)
    let generation = try Generation.load(data, topology: "small")
    #expect(generation.starts == [0, 4])
    #expect(generation.createdAt == nil)
    let generations = Generations(data, of: "small")
    #expect(try make(generations).number == 2)
    try generations.promote(2)
    #expect(try generations.rollback() == (2, 1))
  }

  @Test func anotherMeaningIsSaidAndNotMixed() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let data = try DataDirectory(directory, create: true)
    let made = try Generation.create(data, topology: try definition(), text: text, source: .log, starts: [0])
    let file = "\(made.directory)/generation.json"
    let other = try String(contentsOfFile: file, encoding: .utf8)
      .replacing("\"semantics\" : \(Semantics.number)", with: "\"semantics\" : 99")
      .replacing(made.digest, with: String(repeating: "0", count: 32))
    try other.write(toFile: file, atomically: false, encoding: .utf8)
    let failure = #expect(throws: Failure.self) { try Generation.load(data, topology: "small") }
    #expect(failure?.message.contains("semantics of the state is 99") == true, "\(failure?.message ?? "")")
    #expect(try Generation.read(data, topology: "small").number == 1)
    #expect(try Generations(data, of: "small").all()[0].failure != nil)
  }
}
